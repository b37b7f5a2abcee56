"""The freshness of reads: how recent they have to be, for each operation."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Freshness:
    """The least that the reads of an operation have to have seen."""

    #: The position in the log that they have to have reached.
    after: int | None = None
    #: Whether a replica may answer them, which may lag behind the primary.
    may_lag: bool = True
    #: Where the caller named the position.
    field: Sequence[str] = ("after",)


#: Whatever a replica has.
ANY = Freshness()
#: All that was committed before.
PRESENT = Freshness(may_lag=False)
