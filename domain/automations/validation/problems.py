"""Problems of a definition, with paths as people write them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.automations.definitions.documents import TextPlace
from domain.errors import DomainError

#: The most problems in one answer, the last one a count of the rest.
MOST_PROBLEMS = 100

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}")


class ProblemSeverity(StrEnum):
    """The severity of a problem: a warning can be saved."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A problem: its path, such as `actions[0].config.title`, and its message."""

    path: str
    message: str
    severity: ProblemSeverity = ProblemSeverity.ERROR
    #: Where it is in the text that the definition was read from, if it was one.
    place: TextPlace | None = None

    @property
    def is_error(self) -> bool:
        """True if a definition with it is not saved."""
        return self.severity is ProblemSeverity.ERROR


class InvalidDefinitionError(DomainError):
    """A definition with problems; none of it is saved."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = next((problem for problem in problems if problem.is_error), problems[0])
        super().__init__(f"{first.path or 'definition'}: {first.message}", field=["definition"])
        self.problems = tuple(problems)


def below(path: str, *keys: str | int) -> str:
    """Return the path below those keys, such as `actions[0].config["X-Key: 1"]`."""
    for key in keys:
        if isinstance(key, int):
            path = f"{path}[{key}]"
        elif _PLAIN_KEY.fullmatch(key):
            path = f"{path}.{key}" if path else key
        else:
            # Escaped, so that no key breaks an error's line of the log.
            path = f"{path}[{key[:80]!a}]"
    return path


def bounded(problems: Iterable[Problem]) -> list[Problem]:
    """Return the first problems, each once, errors before warnings, with a count of the rest."""
    found = sorted(dict.fromkeys(problems), key=lambda problem: not problem.is_error)
    if len(found) <= MOST_PROBLEMS:
        return found

    shown, rest = found[: MOST_PROBLEMS - 1], found[MOST_PROBLEMS - 1 :]
    # Sorted, so that the first one has the severity of the rest: warnings alone refuse nothing.
    return [*shown, Problem(path="", message=f"There are {len(rest)} more problems.", severity=rest[0].severity)]
