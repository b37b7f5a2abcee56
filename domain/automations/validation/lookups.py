"""Lookups of the names outside of a definition: secrets, systems, channels, and its token."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Protocol

from domain.automations.definitions.definition import ActionNode, Definition, walk
from domain.automations.expressions.secret_references import secret_names
from domain.automations.validation import Checked
from domain.automations.validation.problems import Problem, ProblemSeverity, below
from domain.clock import Clock
from domain.model.viewer import Role
from domain.persistence.database import Database
from domain.persistence.unit_of_work import ReadSession

_SYSTEM_SETTINGS = ("systemIds", "system_ids")


class KnownSecrets(Protocol):
    """A lookup of secrets by name."""

    async def known(self, names: Collection[str]) -> Collection[str]:
        """Return those of these names that have a secret."""


class Lookups:
    """Lookups for a definition; a missing secret, system or channel, which may come later, is a warning."""

    def __init__(self, *, database: Database, clock: Clock, secrets: KnownSecrets) -> None:
        self._database = database
        self._clock = clock
        self._secrets = secrets

    async def problems(self, document: Mapping[str, Any], checked: Checked) -> list[Problem]:
        """Return a problem for each missing name of a definition whose form is right."""
        definition = checked.definition
        if definition is None:
            return []
        named = [*_systems_of(definition), *checked.systems]
        found = await self._database.read(lambda session: self._in_database(session, definition, named))
        return [*found, *await self._of_secrets(document, definition)]

    async def _of_secrets(self, document: Mapping[str, Any], definition: Definition) -> list[Problem]:
        if not definition.secrets:
            return []
        known = set(await self._secrets.known(definition.secrets))
        return [
            _warning(path, f"The secret {name} does not exist yet; a step that needs it fails until it does.")
            for path, name in _secrets_in(document)
            if name not in known
        ]

    async def _in_database(
        self, session: ReadSession, definition: Definition, named: Sequence[tuple[str, str]]
    ) -> list[Problem]:
        problems: list[Problem] = []
        if definition.run_as is not None:
            tokens = await session.tokens.get_many([definition.run_as])
            token = tokens.get(definition.run_as)
            if token is None or not token.is_valid(self._clock.now()):
                problems.append(Problem(path="run_as", message="There is no valid token of this id."))
            elif not token.role.includes(Role.RESPONDER):
                message = "The token of this id may not write; it takes one of a responder."
                problems.append(Problem(path="run_as", message=message))
        if named:
            there = await session.systems.resolve(sorted({name for _, name in named}))
            problems += [
                _warning(path, f"There is no system {name!r:.80} yet.") for path, name in named if name not in there
            ]
        return [*problems, *await _of_channels(session, definition)]


async def _of_channels(session: ReadSession, definition: Definition) -> list[Problem]:
    named = [
        (f"{path}.config.channel", name)
        for path, node in walk(definition.actions)
        if isinstance(node, ActionNode)
        and node.action == "notify"
        and isinstance(name := node.config.get("channel"), str)
    ]
    named = [(path, name) for path, name in named if "{{" not in name]
    there = await session.channels.known({name for _, name in named}) if named else set()
    return [_warning(path, f"There is no channel {name!r:.80} yet.") for path, name in named if name not in there]


def _systems_of(definition: Definition) -> Iterator[tuple[str, str]]:
    """Yield the systems that settings name literally, with their paths."""
    for index, name in enumerate(definition.uses_state):
        yield f"uses_state[{index}]", name
    for path, node in walk(definition.actions):
        for setting in _SYSTEM_SETTINGS if isinstance(node, ActionNode) else ():
            listed = node.config.get(setting) if isinstance(node, ActionNode) else None
            for index, name in enumerate(listed if isinstance(listed, list) else ()):
                if isinstance(name, str) and "{{" not in name:
                    yield f"{path}.config.{setting}[{index}]", name


def _secrets_in(document: Any) -> Iterator[tuple[str, str]]:
    """Yield the names of secrets in a document of bounded size, with their paths."""
    waiting: list[tuple[str, Any]] = [("", document)]
    while waiting:
        path, part = waiting.pop()
        if isinstance(part, Mapping):
            waiting += [(below(path, key), value) for key, value in part.items()][::-1]
        elif isinstance(part, list):
            waiting += [(below(path, index), value) for index, value in enumerate(part)][::-1]
        elif isinstance(part, str) and "secrets" in part:
            for name in sorted(secret_names(part)):
                yield path, name


def _warning(path: str, message: str) -> Problem:
    return Problem(path=path, message=message, severity=ProblemSeverity.WARNING)
