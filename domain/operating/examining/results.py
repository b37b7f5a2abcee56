"""The results of an examination: a line for each part, with what to do where it is not in order."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from typing_extensions import override

from domain.settings import Settings


class Verdict(StrEnum):
    """A judgement on a part of an installation."""

    OK = "ok"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """One part of an installation, and how it was found."""

    part: str
    verdict: Verdict
    found: str
    advice: str | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the result for programs."""
        return {"part": self.part, "verdict": self.verdict.value, "found": self.found, "advice": self.advice}

    @override
    def __str__(self) -> str:
        return f"{self.verdict:<7}  {self.part}: {self.found}{f' {self.advice}' if self.advice else ''}"


Examination = Callable[[Settings], Awaitable[Sequence[Result]]]


def ok(part: str, found: str) -> Result:
    """Return a part that is in order."""
    return Result(part=part, verdict=Verdict.OK, found=found)


def warning(part: str, found: str, advice: str) -> Result:
    """Return a part that works, and that will not for long or not in every case."""
    return Result(part=part, verdict=Verdict.WARNING, found=found, advice=advice)


def problem(part: str, found: str, advice: str) -> Result:
    """Return a part that does not work."""
    return Result(part=part, verdict=Verdict.PROBLEM, found=found, advice=advice)
