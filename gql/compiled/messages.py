"""Plans of the messages of live lists: values of a message, those of its changes, and rows of the items."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from graphql import FieldNode, GraphQLObjectType, OperationDefinitionNode, get_named_type, is_object_type

from domain.model.listing import Listing
from domain.model.selection import Selection
from gql.compiled.declarations import Declaration, Kind
from gql.compiled.fields import Asked, UnplannableError
from gql.compiled.parts import Alternative, Plan, Row, Several
from gql.compiled.plan import Planner

CHANGES, TYPENAME, ITEMS = "changes", "__typename", "items"

#: The response keys of an object, with the names of their fields.
Names = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagePlan:
    """Plan of a live list's message: values of its own, those of each change, and rows."""

    rows: Plan
    selection: Selection
    key: str
    of_update: Names
    of_changes: Mapping[str, Names]
    #: The names of the types of the message and of a change.
    type_name: str
    change_name: str
    #: Where a row has what its entry in the list is made of.
    places: Sequence[int]


class ListPlanner(Planner):
    """A planner of what each message of a valid subscription to a list shows."""

    def message(self, operation: OperationDefinitionNode, listing: Listing) -> MessagePlan:
        """Return the plan.

        Raises:
            UnplannableError: it holds something that only the generic path can do.
        """
        subscription = self._schema.subscription_type
        assert subscription is not None
        [(key, nodes)] = self._fields.of([operation.selection_set], subscription).items()
        update = self._object_of(subscription.fields[nodes[0].name.value])
        of_update, lists = self._named(nodes, update)
        change = self._object_of(update.fields[CHANGES])
        of_changes = {}
        items: list[tuple[Sequence[FieldNode], GraphQLObjectType]] = []
        for inner_key, inner in lists.items():
            of_changes[inner_key], shown = self._named(inner, change)
            items += [(each, self._object_of(change.fields[each[0].name.value])) for each in shown.values()]
        if len(items) > 1:
            raise UnplannableError("several selections of one item")
        alternatives = tuple(self._item(*each) for each in items)
        row = alternatives[0].row if alternatives else Row(listing.kind)
        places = _places_in(row, listing)
        plan = Plan(
            operation=operation,
            members={ITEMS: Several(alternatives)} if alternatives else {},
            roots=tuple(self._roots),
            root_fields=(),
            page_fields=tuple(self._page_fields),
            needs=tuple(self._needs),
        )
        return MessagePlan(
            rows=plan,
            selection=row.selection(),
            key=key,
            of_update=of_update,
            of_changes=of_changes,
            type_name=update.name,
            change_name=change.name,
            places=places,
        )

    def _named(self, nodes: Sequence[FieldNode], on: GraphQLObjectType) -> tuple[Names, dict[str, Sequence[FieldNode]]]:
        """Return the response keys of an object with the names of their fields, and the nodes of objects within."""
        names: list[tuple[str, str]] = []
        within: dict[str, Sequence[FieldNode]] = {}
        for key, inner in self._fields.of([node.selection_set for node in nodes], on).items():
            name = inner[0].name.value
            names.append((key, name))
            if name != TYPENAME and is_object_type(get_named_type(on.fields[name].type)):
                within[key] = inner
        return names, within

    def _item(self, nodes: Sequence[FieldNode], on: GraphQLObjectType) -> Alternative:
        found = self._schema.subscription_type
        assert found is not None
        field = next(iter(found.fields.values()))
        return self._alternative(nodes, Asked(field=field, node=nodes[0], declaration=Declaration(kind=Kind.SOME)), on)


def _places_in(row: Row, listing: Listing) -> Sequence[int]:
    """Have a row hold all that its entry in the list is made of, and return where it does."""
    columns = [row.column(name) for name in listing.columns]
    first = len(row.columns) + len(row.lists)
    row.lists += listing.lists
    return [*columns, *range(first, first + len(listing.lists))]
