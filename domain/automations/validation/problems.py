"""What is wrong with a definition, and where: in paths as people write them."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from domain.errors import DomainError

#: So many are told at once, the count of the others among them; whoever mends these learns of the next.
MOST_PROBLEMS = 100

_PLAIN_KEY = re.compile(r"[A-Za-z0-9_-]{1,80}")


class ProblemSeverity(StrEnum):
    """Whether a definition can be saved all the same."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong: its place, such as `actions[0].config.title`, and what it is."""

    path: str
    message: str
    severity: ProblemSeverity = ProblemSeverity.ERROR

    @property
    def is_error(self) -> bool:
        """Whether nothing with it is saved."""
        return self.severity is ProblemSeverity.ERROR


class InvalidDefinitionError(DomainError):
    """A definition with problems; none of it is saved."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        first = next((problem for problem in problems if problem.is_error), problems[0])
        super().__init__(f"{first.path or 'definition'}: {first.message}", field=["definition"])
        self.problems = tuple(problems)


def below(path: str, *keys: str | int) -> str:
    """The path of what lies under those keys, such as `actions[0].config["X-Key: 1"]`."""
    for key in keys:
        if isinstance(key, int):
            path = f"{path}[{key}]"
        elif _PLAIN_KEY.fullmatch(key):
            path = f"{path}.{key}" if path else key
        else:
            # Escaped: no key of a stranger breaks the line that an error stands in.
            path = f"{path}[{key[:80]!a}]"
    return path


def bounded(problems: Iterable[Problem]) -> list[Problem]:
    """The first of the problems, each once, errors before warnings, and how many there are beyond."""
    found = sorted(dict.fromkeys(problems), key=lambda problem: not problem.is_error)
    if len(found) <= MOST_PROBLEMS:
        return found
    told, rest = found[: MOST_PROBLEMS - 1], found[MOST_PROBLEMS - 1 :]
    # Sorted, so that the first says whether there is an error among the rest; warnings alone refuse nothing.
    return [*told, Problem(path="", message=f"There are {len(rest)} more problems.", severity=rest[0].severity)]
