"""Comparisons of one field each, which filters are made of."""

from datetime import datetime
from typing import Any

import strawberry

from gql.types.enums import Severity, Status


def optional(description: str, name: str | None = None) -> Any:
    """Declare a condition that may be left out."""
    return strawberry.field(default=strawberry.UNSET, description=description, name=name)


@strawberry.input(description="Compares a status. All given conditions must hold.")
class StatusFilter:
    eq: Status | None = optional("It is this one.")
    in_: list[Status] | None = optional("It is one of these.", name="in")
    not_in: list[Status] | None = optional("It is none of these.")


@strawberry.input(description="Compares a severity, from MINOR to CRITICAL. All given conditions must hold.")
class SeverityFilter:
    eq: Severity | None = optional("It is this one.")
    in_: list[Severity] | None = optional("It is one of these.", name="in")
    not_in: list[Severity] | None = optional("It is none of these.")
    gt: Severity | None = optional("It is worse than this.")
    gte: Severity | None = optional("It is this one or worse.")
    lt: Severity | None = optional("It is less bad than this.")
    lte: Severity | None = optional("It is this one or less bad.")


@strawberry.input(description="Compares a number. All given conditions must hold.")
class NumberFilter:
    eq: int | None = optional("It is this one.")
    in_: list[int] | None = optional("It is one of these.", name="in")
    gt: int | None = optional("It is larger.")
    gte: int | None = optional("It is this one or larger.")
    lt: int | None = optional("It is smaller.")
    lte: int | None = optional("It is this one or smaller.")


@strawberry.input(description="Compares a time; an absent one matches nothing. All given conditions must hold.")
class DateTimeFilter:
    gt: datetime | None = optional("It is later.")
    gte: datetime | None = optional("It is this time or later.")
    lt: datetime | None = optional("It is earlier.")
    lte: datetime | None = optional("It is this time or earlier.")


@strawberry.input(description="Compares the affected systems.")
class SystemFilter:
    in_: list[str] = strawberry.field(
        name="in",
        description=(
            "At least one of these systems is affected, by id or key. In a filter of events, a key also stands for "
            "deleted systems that had it."
        ),
    )


@strawberry.input(description="Compares a label. All given conditions must hold; without any, the label is there.")
class LabelFilter:
    key: str = strawberry.field(description="The key of the label. One that no incident has matches nothing.")
    eq: str | None = optional("Its value is this one.")
    in_: list[str] | None = optional("Its value is one of these.", name="in")


@strawberry.input(description="Compares the actor that opened it.")
class OpenedByFilter:
    in_: list[str] = strawberry.field(name="in", description="The actor is one of these, by id.")


@strawberry.input(description="Compares the links that the caller sees.")
class LinkFilter:
    in_: list[str] = strawberry.field(name="in", description="A link goes to one of these URLs, letter by letter.")


@strawberry.input(description="Compares the key by which incidents were told apart when they were opened.")
class DedupeKeyFilter:
    in_: list[str] = strawberry.field(name="in", description="It is one of these.")


@strawberry.input(description="Compares a person. All given conditions must hold.")
class PersonFilter:
    eq: strawberry.ID | None = optional("It is this person, by id.")
    in_: list[strawberry.ID] | None = optional("It is one of these people, by id.", name="in")
    exists: bool | None = optional("Whether there is one.")
