"""Order inputs and their translation to the domain's orders."""

from typing import Optional

import strawberry
from strawberry.types.unset import UnsetType

from domain.errors import InvalidInputError
from domain.model.paging import Order
from gql.inputs.comparisons import optional
from gql.types.enums import IncidentOrderField, OrderDirection, SystemOrderField

_MOST_ORDERS = 4


@strawberry.input(description="The order of incidents.")
class IncidentOrder:
    field: IncidentOrderField = strawberry.field(description="The field to order by.")
    direction: OrderDirection | None = optional("The direction; by default DESC.")
    then_by: Optional["IncidentOrder"] = optional(
        "The order of those that this one leaves together, and so on: four fields at most, each of them once."
    )


@strawberry.input(description="The order of systems.")
class SystemOrder:
    field: SystemOrderField = strawberry.field(description="The field to order by.")
    direction: OrderDirection | None = optional("The direction; by default ASC.")


def order_of(given: IncidentOrder | UnsetType | None) -> Order:
    """Return the order of a list of incidents, newest first where none is given.

    Raises:
        InvalidInputError: it has too many fields, or one of them twice.
    """
    if given is None or isinstance(given, UnsetType):
        return Order(field="created_at")
    chain = [given]
    while (further := chain[-1].then_by) is not None and not isinstance(further, UnsetType):
        chain.append(further)
    fields = [each.field for each in chain]
    if len(fields) > _MOST_ORDERS or len(set(fields)) < len(fields):
        message = f"An order has {_MOST_ORDERS} fields at most, each of them once."
        raise InvalidInputError(message, field=["orderBy", "thenBy"])
    order: Order | None = None
    for each in reversed(chain):
        order = Order(field=each.field.value, descending=each.direction is not OrderDirection.ASC, then=order)
    assert order is not None
    return order


def system_order_of(given: SystemOrder | UnsetType | None) -> Order:
    """Return the order of a list of systems, by name where none is given."""
    if given is None or isinstance(given, UnsetType):
        return Order(field="name", descending=False)
    return Order(field=given.field.value, descending=given.direction is OrderDirection.DESC)
