"""Erasures of people."""

from datetime import datetime
from enum import Enum
from typing import Self

import strawberry

from domain.model import erasure as model
from gql.types.person import Person


@strawberry.enum(name="ErasureStatus", description="The progress of an erasure.")
class ErasureStatus(Enum):
    PENDING = strawberry.enum_value("pending", description="Some of what is stored may still name the person.")
    DONE = strawberry.enum_value("done", description="Nothing that is stored names the person.")


@strawberry.type(description="The erasure of one person. Nothing of it says who they were.")
class Erasure:
    person: Person = strawberry.field(
        description="The pseudonym that stands in the person's place from now on, by whose id it is found again."
    )
    status: ErasureStatus = strawberry.field(description="Whether it is over.")
    rows: int = strawberry.field(description="How many rows of the database were rewritten or deleted by now.")
    forgotten_at: datetime = strawberry.field(description="When it began.")
    finished_at: datetime | None = strawberry.field(description="When it was over; null until then.")

    @classmethod
    def of(cls, erasure: model.Erasure) -> Self:
        return cls(
            person=Person.of(erasure.person),
            status=ErasureStatus(erasure.status.value),
            rows=erasure.rows,
            forgotten_at=erasure.forgotten_at,
            finished_at=erasure.finished_at,
        )
