"""The arguments of a system's incidents: those of all incidents, but resolved ones are usually shown."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry
from strawberry.types.unset import UnsetType

from domain.ids import is_id
from domain.model.filters import Filter, systems_in
from domain.model.paging import Order
from domain.model.viewer import Audience
from gql.compiled.declarations import Matched
from gql.context import Context
from gql.inputs.filters import IncidentFilter, filter_tree, hide_resolved, tree_with_keys
from gql.inputs.given import read_input
from gql.inputs.orders import IncidentOrder, order_of

Matching = Annotated[
    IncidentFilter | None,
    strawberry.argument(
        description=(
            "Only incidents that match. Resolved ones are hidden only where it says `includeResolved: false`, or by "
            "its other conditions; a filter by `system` leaves those that affect both."
        )
    ),
]
Ordered = Annotated[
    IncidentOrder | None, strawberry.argument(description="Their order; by default that in which they were opened.")
]


async def tree_of_system(context: Context, given: IncidentFilter | UnsetType | None) -> Filter:
    """Return the filter of a system's incidents.

    Raises:
        ForbiddenError, InvalidInputError, UnknownSystemError: as of any filter.
    """
    return hide_resolved(given, await filter_tree(context, given), usually=False)


def order_of_system(given: IncidentOrder | UnsetType | None) -> Order | None:
    """Return the order of a system's incidents; None for that of their ids.

    Raises:
        InvalidInputError: it has too many fields, or one of them twice.
    """
    return None if given is None or isinstance(given, UnsetType) else order_of(given)


def matched(arguments: Mapping[str, Any], audience: Audience) -> Matched | None:
    """Return the filter and the order from the field's arguments; None where a key of a system has to be looked up."""
    given = read_input(IncidentFilter, arguments.get("filter"))
    tree = tree_with_keys(given, audience)
    if not all(is_id(reference, "sys") for reference in systems_in(tree)):
        return None
    return hide_resolved(given, tree, usually=False), order_of_system(
        read_input(IncidentOrder, arguments.get("orderBy"))
    )
