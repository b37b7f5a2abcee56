"""Secrets in a place other than the values of an action's config."""

from collections.abc import Iterator, Mapping
from typing import Any

from domain.automations.definitions.definition import ActionNode, Definition, walk
from domain.automations.expressions.secret_references import without_references
from domain.automations.validation.problems import Problem, below

MISPLACED = "A secret stands in the config of an action only, as `${{ secrets.NAME }}`."
_KEY = "A secret stands in a value, not in the name of one."


def secret_problems(document: Mapping[str, Any], definition: Definition) -> Iterator[Problem]:
    """Yield a problem for each reference to a secret that would not be filled in, or would not be redacted."""
    configs = {f"{path}.config" for path, node in walk(definition.actions) if isinstance(node, ActionNode)}
    waiting: list[tuple[Any, str, bool]] = [(document, "", False)]
    while waiting:
        part, path, allowed = waiting.pop()
        allowed = allowed or path in configs
        children: list[tuple[str | int, Any]] = []
        if isinstance(part, str) and not allowed and _refers(part):
            yield Problem(path=path, message=MISPLACED)
        elif isinstance(part, Mapping):
            children = list(part.items())
            yield from (Problem(path=below(path, key), message=_KEY) for key in part if _refers(key))
        elif isinstance(part, list):
            children = list(enumerate(part))
        waiting += [(child, below(path, key), allowed) for key, child in children[::-1]]


def _refers(text: str) -> bool:
    return without_references(text) != text
