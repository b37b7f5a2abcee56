"""The cost of an operation: a point for each object that it may read, whatever the size of its lists."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    ArgumentNode,
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    GraphQLCompositeType,
    GraphQLField,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    ListValueNode,
    NamedTypeNode,
    ObjectValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionNode,
    SelectionSetNode,
    ValueNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    value_from_ast_untyped,
)

from domain.model.paging import DEFAULT_SIZE, LARGEST_SIZE
from gql.limits.fragments import fragments_of, innermost_first
from gql.limits.introspection import Planner, most_fields, resolved_fields, type_of_introspection
from gql.limits.structure import INTROSPECTION

_WRITE = 5
#: Leaves that need a statement of their own, or are made of a long text; all others come with their object. The text of
#: a preview is new each time, those of objects are kept once they are made.
_LEAVES = {
    "totalCount": 1,
    "inStateSince": 1,
    "messageHtml": 5,
    "descriptionHtml": 5,
    "yaml": 10,
    "markdown": 200,
    "maintenanceTimes": 50,
}
#: The assumed length of a list without a page size; mostly the systems of an incident.
_USUAL_LENGTH = 5
#: An explanation holds 500 nodes at most, and each may have selections of its own; figures have 1,000 groups or points.
_LENGTHS = {
    "Explanation.changes": 100,
    "Explanation.runs": 100,
    "Query.incidentCounts": 100,
    "Subscription.incidentCounts": 100,
    "Query.incidentMetrics": 10,
    "IncidentMetrics.points": 10,
    "System.healthHistory": 20,
    "System.uptime": 50,
}
#: Fields that keep a core busy for seconds, long graphs, and what reads many rows for few figures.
_BASE = {"dryRunAutomation": 2_000, "explain": 100, "incidentCounts": 50, "incidentMetrics": 200}
#: What a look into the past costs besides, and the arguments for it.
_REPLAY = 50
_PLACES = frozenset({"at", "atCursor"})
#: Fields of introspection that take as long as reading one object.
_DESCRIPTIONS_PER_POINT = 50
#: Types with as many items as are asked for, and the fields that hold them.
_PAGED = ("Connection", "ListUpdate")
_ITEMS = frozenset({"nodes", "edges", "changes"})
#: The cap on costs, which add up and multiply.
ENDLESS = 10**9


@dataclass(frozen=True, slots=True)
class _Cost:
    """The cost of a selection; `per_item` counts for every item of its connection."""

    fixed: int = 0
    per_item: int = 0

    def plus(self, other: "_Cost") -> "_Cost":
        return _Cost(min(ENDLESS, self.fixed + other.fixed), min(ENDLESS, self.per_item + other.per_item))


def cost_of(
    schema: GraphQLSchema,
    document: DocumentNode,
    operation: OperationDefinitionNode,
    variables: Mapping[str, Any] | None,
) -> int:
    """Return the points that a valid operation costs with these variables."""
    root = schema.get_root_type(operation.operation)
    if root is None:
        return 0
    return _Pricing(schema, document, operation, variables or {}).total(operation, root)


class _Pricing:
    def __init__(
        self,
        schema: GraphQLSchema,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> None:
        self._schema = schema
        self._writes = operation.operation is OperationType.MUTATION
        self._variables = _with_defaults(operation, variables)
        self._known: dict[str, _Cost] = {}
        self._described = 0
        fragments = fragments_of(document)
        self._planner = Planner(fragments, self._variables)
        order, _ = innermost_first(fragments)
        for fragment in order:
            if fragment.type_condition.name.value.startswith("__"):
                continue  # part of a description, which is counted as a whole
            on = self._composite(fragment.type_condition)
            self._known[fragment.name.value] = self._selected(fragment.selection_set, on)

    def total(self, operation: OperationDefinitionNode, root: GraphQLCompositeType) -> int:
        return self._selected(operation.selection_set, root).fixed

    def _selected(self, selections: SelectionSetNode, on: GraphQLCompositeType) -> _Cost:
        cost = _Cost()
        for node in selections.selections:
            cost = cost.plus(self._one(node, on))
        return cost

    def _one(self, node: SelectionNode, on: GraphQLCompositeType) -> _Cost:
        if isinstance(node, FragmentSpreadNode):
            return self._known.get(node.name.value, _Cost())
        if isinstance(node, InlineFragmentNode):
            inner = on if node.type_condition is None else self._composite(node.type_condition)
            return self._selected(node.selection_set, inner)
        assert isinstance(node, FieldNode)
        field = self._schema.get_field(on, node.name.value)
        if field is None or node.selection_set is None:
            return _Cost(_LEAVES.get(node.name.value, 0))
        return self._object(node, field, on)

    def _object(self, node: FieldNode, field: GraphQLField, on: GraphQLCompositeType) -> _Cost:
        name = node.name.value
        if name in INTROSPECTION:
            return self._description(node)
        given = get_named_type(field.type)
        assert is_composite_type(given)
        assert node.selection_set is not None
        held = self._selected(node.selection_set, given)
        if on.name.endswith(_PAGED) and name in _ITEMS:
            return _Cost(per_item=held.fixed + int(name != "edges"))
        if given.name.endswith(_PAGED):
            return _Cost(min(ENDLESS, 1 + held.fixed + held.per_item * self._page(node) + self._replayed(node)))
        length = 1
        if is_list_type(get_nullable_type(field.type)):
            length = _LENGTHS.get(f"{on.name}.{name}") or self._named(node) or _USUAL_LENGTH
        cost = min(ENDLESS, length * (1 + held.fixed))
        if on in {self._schema.query_type, self._schema.subscription_type}:
            cost += _BASE.get(name, 0) + self._replayed(node)
        if self._writes and on is self._schema.mutation_type:
            cost += _WRITE * max(1, self._named(node))
        return _Cost(cost)

    def _replayed(self, node: FieldNode) -> int:
        return _REPLAY if any(argument.name.value in _PLACES for argument in node.arguments or ()) else 0

    def _description(self, node: FieldNode) -> _Cost:
        if self._described > most_fields(self._schema):
            return _Cost(ENDLESS)
        source: Any = self._schema
        on = "__Schema"
        if node.name.value == "__type":
            source, on = self._planner.type_named_by(node, self._schema), "__Type"
        plan = self._planner.plan([node], type_of_introspection(on))
        fields = 1 if source is None else resolved_fields(plan, source, self._schema)
        self._described += fields
        if self._described > most_fields(self._schema):
            return _Cost(ENDLESS)
        return _Cost(1 + fields // _DESCRIPTIONS_PER_POINT)

    def _page(self, node: FieldNode) -> int:
        """Return the page size of a connection; execution refuses one that is out of range."""
        sizes = [self._value(each) for each in node.arguments or () if each.name.value in {"first", "last"}]
        given = [size for size in sizes if isinstance(size, int) and not isinstance(size, bool)]
        return min(max(given, default=DEFAULT_SIZE), LARGEST_SIZE) if min(given, default=1) > 0 else LARGEST_SIZE

    def _named(self, node: FieldNode) -> int:
        """Return how many objects the arguments name: `ids` and the like, also in an `input`."""
        values = [self._value(argument) for argument in node.arguments or ()]
        values += [member for value in values if isinstance(value, dict) for member in value.values()]
        return max((len(value) for value in values if isinstance(value, list)), default=0)

    def _value(self, argument: ArgumentNode) -> Any:
        return _plain(argument.value, self._variables)

    def _composite(self, condition: NamedTypeNode) -> GraphQLCompositeType:
        found = self._schema.get_type(condition.name.value)
        # Validation made sure of it.
        assert found is not None
        assert is_composite_type(found)
        return found


def _plain(value: ValueNode, variables: Mapping[str, Any]) -> Any:
    """Return a literal as a Python value, as far as sizes need it: numbers, and lists one level into an object."""
    if isinstance(value, VariableNode):
        return variables.get(value.name.value)
    if isinstance(value, IntValueNode):
        return int(value.value) if len(value.value) <= len(str(ENDLESS)) else ENDLESS
    if isinstance(value, ListValueNode):
        return list(value.values or ())
    if isinstance(value, ObjectValueNode):
        return {member.name.value: _lists_only(member.value, variables) for member in value.fields or ()}
    return None


def _lists_only(value: ValueNode, variables: Mapping[str, Any]) -> Sequence[Any] | None:
    if isinstance(value, VariableNode):
        held = variables.get(value.name.value)
        return held if isinstance(held, list) else None
    return list(value.values or ()) if isinstance(value, ListValueNode) else None


def _with_defaults(operation: OperationDefinitionNode, variables: Mapping[str, Any]) -> dict[str, Any]:
    defaults = {
        each.variable.name.value: value_from_ast_untyped(each.default_value)
        for each in operation.variable_definitions or ()
        if each.default_value is not None
    }
    return {**defaults, **variables}
