"""The arguments that say how incidents are grouped."""

from typing import Annotated

import strawberry
from strawberry.types.unset import UnsetType

from domain.model.counts import GroupBy
from gql.inputs.given import value_or_none
from gql.types.enums import Grouping

Groupings = Annotated[
    list[Grouping] | None,
    strawberry.argument(description="The properties to group by; without any, all are one group."),
]
LabelKey = Annotated[
    str | None,
    strawberry.argument(description="With LABEL: the key of the labels to group by; without it they are all."),
]


def grouping(group_by: list[Grouping] | UnsetType | None, label_key: str | UnsetType | None) -> GroupBy:
    """Return the groupings that are asked for."""
    return GroupBy(each=tuple(value_or_none(group_by) or ()), label_key=value_or_none(label_key))
