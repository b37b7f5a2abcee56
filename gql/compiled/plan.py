"""From a validated operation to a plan: what it reads, and how the answer is put together from that."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from graphql import (
    FieldNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLOutputType,
    GraphQLSchema,
    OperationDefinitionNode,
    VariableNode,
    get_named_type,
    get_nullable_type,
    is_abstract_type,
    is_enum_type,
    is_list_type,
    is_nullable_type,
    is_object_type,
)
from pydantic.alias_generators import to_snake

from domain.model.cursor import LOG
from domain.model.positions import COMPUTED
from domain.model.selection import ORDER_KEY, AllOf, Field, Listed, Paged, Root, Selection, Shape
from domain.model.viewer import Audience
from gql.compiled.arguments import fixed_rows
from gql.compiled.callers import CALLER_COLUMNS, CALLER_SHAPE
from gql.compiled.declarations import Check, Declaration, Kind, check_in, declared
from gql.compiled.fields import Asked, Fields, UnplannableError
from gql.compiled.parts import (
    Alternative,
    Caller,
    Constant,
    Cursor,
    Edges,
    Fact,
    Found,
    Items,
    Member,
    Members,
    Page,
    Part,
    PayloadPlan,
    Place,
    Plan,
    Row,
    Several,
    Standing,
    Total,
    Value,
)
from gql.permissions import Needs

#: The fields of PageInfo: those that say whether there is more, and those that say where a page ends.
FACTS = frozenset({"hasNextPage", "hasPreviousPage"})
ENDS = frozenset({"startCursor", "endCursor"})
_TYPENAME, _ORDER = "__typename", "orderBy"
#: The views of the rows whose writes read their answers in their transactions.
_IN_PAYLOADS = frozenset({"incident", "incident_update", "incident_link", "incident_relation", "system"})
_NO_DECLARATION = Declaration(kind=Kind.SHOWN)


def plan_of(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fields: Fields,
    shapes: Mapping[str, Shape],
    audience: Audience,
) -> Plan:
    """Plan a valid query.

    Raises:
        UnplannableError: it holds something that only the generic path can do.
    """
    assert schema.query_type is not None
    return Planner(schema, fields, shapes, audience).plan(operation, schema.query_type)


def payload_plan_of(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fields: Fields,
    shapes: Mapping[str, Shape],
    audience: Audience,
) -> PayloadPlan:
    """Plan what the payload of a valid mutation shows of rows.

    Raises:
        UnplannableError: it shows none, or the operation has several mutations, or none.
    """
    assert schema.mutation_type is not None
    return Planner(schema, fields, shapes, audience).payload(operation, schema.mutation_type)


class Planner:
    """A planner of one operation for one audience."""

    def __init__(self, schema: GraphQLSchema, fields: Fields, shapes: Mapping[str, Shape], audience: Audience) -> None:
        self._schema = schema
        self._fields = fields
        self._shapes = shapes
        self._audience = audience
        self._roots: list[Root] = []
        self._root_fields: list[Asked] = []
        self._page_fields: list[Asked] = []
        #: The permissions that its fields need.
        self._needs: set[type[Needs]] = set()

    def plan(self, operation: OperationDefinitionNode, query: GraphQLObjectType) -> Plan:
        """Return the plan of a query."""
        members: dict[str, Member] = {}
        for key, nodes in self._fields.of([operation.selection_set], query).items():
            members[key] = self._typename(nodes, query) or self._root(nodes, query)
        return Plan(
            operation=operation,
            members=members,
            roots=tuple(self._roots),
            root_fields=tuple(self._root_fields),
            page_fields=tuple(self._page_fields),
            needs=tuple(self._needs),
        )

    def payload(self, operation: OperationDefinitionNode, mutation: GraphQLObjectType) -> PayloadPlan:
        """Return the plan of a mutation's payload."""
        selected = self._fields.of([operation.selection_set], mutation)
        fields = {key: nodes for key, nodes in selected.items() if self._typename(nodes, mutation) is None}
        if len(fields) != 1:
            raise UnplannableError("several mutations" if fields else "no mutation")
        [(key, nodes)] = fields.items()
        on = self._object_of(mutation.fields[nodes[0].name.value])
        members: dict[str, Member] = {}
        names: list[str] = []
        others: list[FieldNode] = []
        order = self._fields.of([node.selection_set for node in nodes], on)
        for response_key, inner in order.items():
            asked = None if self._typename(inner, on) else self._row_in(inner, on)
            if asked is None:
                others.extend(inner)
            else:
                members[response_key] = Found((self._alternative(inner, asked, self._object_of(asked.field)),))
                names.append(python_name(asked.field))
        if not members:
            raise UnplannableError(f"{on.name} without rows")
        return PayloadPlan(
            operation=operation,
            members=members,
            roots=tuple(self._roots),
            root_fields=(),
            page_fields=tuple(self._page_fields),
            needs=tuple(self._needs),
            key=key,
            field=nodes[0],
            names=tuple(names),
            others=tuple(others),
            order=tuple(order),
            answer=dict.fromkeys(selected, mutation.name),
        )

    def _row_in(self, nodes: Sequence[FieldNode], payload: GraphQLObjectType) -> Asked | None:
        """Return a field of a payload where it shows one row; None for a value of the payload itself."""
        found, declaration = self._declared(nodes, payload)
        shown = found.type
        if declaration is not _NO_DECLARATION or not is_object_type(shown) or to_snake(shown.name) not in _IN_PAYLOADS:
            return None
        return Asked(field=found, node=nodes[0], declaration=declaration)

    @staticmethod
    def _typename(nodes: Sequence[FieldNode], on: GraphQLObjectType) -> Constant | None:
        return Constant(on.name) if nodes[0].name.value == _TYPENAME else None

    def _root(self, nodes: Sequence[FieldNode], query: GraphQLObjectType) -> Member:
        found, declaration = self._declared(nodes, query)
        if declaration is not None and declaration.kind is Kind.CALLER:
            return self._caller(nodes, self._object_of(found))
        if declaration is None or declaration.choose is None:
            raise UnplannableError(f"{query.name}.{nodes[0].name.value}")
        asked = Asked(field=found, node=nodes[0], declaration=declaration)
        if declaration.kind in {Kind.ONE, Kind.SOME}:
            alternatives = tuple(self._alternative(nodes, asked, on) for on in self._kinds_of(asked))
            return Found(alternatives) if declaration.kind is Kind.ONE else Several(alternatives)
        if declaration.kind is Kind.PLACE:
            number = self._take_root(asked)
            self._roots[number] = Root(selection=Selection(view="log", columns=("head",)))
            return Place(number)
        number = self._take_root(asked)
        key = self._shapes[_view_of(self._object_of(found))].keys.get("") or (self._order_key(asked), "id")
        page = self._page(nodes, asked, key=Standing(tuple(key)), number=number)
        self._roots[number] = Root(selection=page.row.selection(), page=page.paged)
        return page

    def _caller(self, nodes: Sequence[FieldNode], on: GraphQLObjectType) -> Caller:
        row = Row("viewer", list(CALLER_COLUMNS))
        return Caller(row, self._members(nodes, on, row, CALLER_SHAPE, ""))

    def _take_root(self, asked: Asked, view: str = "") -> int:
        """Return the place of the next root, which is taken before those within it are."""
        self._root_fields.append(replace(asked, view=view))
        self._roots.append(Root(selection=Selection(view=view, columns=())))
        return len(self._roots) - 1

    def _kinds_of(self, asked: Asked) -> Sequence[GraphQLObjectType]:
        """Return the types of objects that a root may find, as far as they are found here."""
        shown = get_named_type(asked.field.type)
        if not is_abstract_type(shown):
            return [self._object_of(asked.field)]
        views = asked.declaration.views
        return [on for on in self._schema.get_possible_types(shown) if to_snake(on.name) in views]

    def _alternative(self, nodes: Sequence[FieldNode], asked: Asked, on: GraphQLObjectType) -> Alternative:
        """Plan a root for the case that it finds an object of this type."""
        row = Row(to_snake(on.name))
        number = self._take_root(asked, row.view if asked.declaration.views else "")
        if asked.declaration.kind is Kind.SOME:
            row.column("id")
        members = self._of_row(nodes, on, row)
        self._roots[number] = Root(selection=row.selection())
        return Alternative(number, row, members)

    def _order_key(self, asked: Asked) -> str:
        """Return the column of a root's order where that is known and shown as its cursors have it."""
        rows = fixed_rows(asked, self._audience)
        if not isinstance(rows, AllOf):
            return ORDER_KEY
        shown = self._shapes[_view_of(self._object_of(asked.field))].fields[rows.order.field]
        is_shown = not shown.names and rows.order.then is None and rows.order.field not in COMPUTED
        return rows.order.field if is_shown else ORDER_KEY

    def _of_row(self, nodes: Sequence[FieldNode], on: GraphQLObjectType, row: Row) -> Members:
        """Plan the fields of a row's object."""
        shape = self._shapes.get(row.view)
        if shape is None:
            raise UnplannableError(on.name)
        return self._members(nodes, on, row, shape, "")

    def _members(
        self, nodes: Sequence[FieldNode], on: GraphQLObjectType, row: Row, shape: Shape, prefix: str
    ) -> Members:
        """Plan the fields of an object that a row has under this prefix."""
        members: dict[str, Member] = {}
        for key, inner in self._fields.of([node.selection_set for node in nodes], on).items():
            members[key] = self._typename(inner, on) or self._member(inner, on, row, shape, prefix)
        return members

    def _member(self, nodes: Sequence[FieldNode], on: GraphQLObjectType, row: Row, shape: Shape, prefix: str) -> Member:
        found, declaration = self._declared(nodes, on)
        name = python_name(found)
        if declaration is None:
            raise UnplannableError(f"{on.name}.{nodes[0].name.value}")
        if declaration.variant is not None:
            asked = Asked(field=found, node=nodes[0], declaration=declaration)
            name = f"{name}_{self._chosen(asked, declaration.variant)}"
        if declaration.kind is Kind.PLACE:
            return Cursor((row.column("seq"),), LOG)
        if declaration.kind in {Kind.SHOWN, Kind.LIST} and name in shape.lists:
            return self._items(nodes, found, row, (f"{prefix}{name}", shape.lists[name]))
        if declaration.kind is Kind.SHOWN and name in shape.parts:
            part, within = shape.parts[name], f"{prefix}{name}_"
            members = self._members(nodes, self._object_of(found), row, part, within)
            return Part(members, None if part.present is None else row.column(f"{within}{part.present}"))
        shown = declaration.made or shape.fields.get(name)
        if declaration.kind is Kind.SHOWN and shown is not None:
            return _value(_named(shown, found.type), row, prefix)
        if name not in shape.lists or declaration.kind is not Kind.PAGES:
            raise UnplannableError(f"{on.name}.{nodes[0].name.value}")
        number = row.take(name)
        asked = Asked(field=found, node=nodes[0], declaration=declaration)
        # The list's own order needs no more than its own key.
        is_ordered = declaration.match is not None and _ORDER in {each.name.value for each in nodes[0].arguments or ()}
        key = Standing((ORDER_KEY, *shape.keys[name]) if is_ordered else shape.keys[name], is_ordered=is_ordered)
        page = self._page(nodes, asked, key=key, number=number)
        row.lists[number] = Listed(name=name, selection=page.row.selection(), page=page.paged)
        return page

    def _items(self, nodes: Sequence[FieldNode], found: GraphQLField, row: Row, listed: tuple[str, str]) -> Items:
        name, view = listed
        number = row.take(name)
        inner = Row(view)
        items = Items(
            number,
            inner,
            self._of_row(nodes, self._object_of(found), inner),
            is_single=not is_list_type(get_nullable_type(found.type)),
            is_optional=is_nullable_type(found.type),
        )
        row.lists[number] = Listed(name=name, selection=inner.selection())
        return items

    def _page(self, nodes: Sequence[FieldNode], asked: Asked, *, key: Standing, number: int) -> Page:
        place = len(self._page_fields)
        self._page_fields.append(asked)
        on = self._object_of(asked.field)
        row = Row(_view_of(on))
        members: dict[str, Member] = {}
        for name, inner in self._fields.of([node.selection_set for node in nodes], on).items():
            members[name] = self._typename(inner, on) or self._of_connection(inner, on, row, key)
        facts = [fact for member in members.values() if isinstance(member, Part) for fact in member.members.values()]
        counted = any(isinstance(member, Total) for member in members.values())
        paged = Paged(
            place=place,
            is_read=not counted or bool(facts) or any(isinstance(member, Edges) for member in members.values()),
            peeks=any(isinstance(fact, Fact) and fact.name in FACTS for fact in facts),
            counted=counted,
        )
        return Page(number, paged, asked.declaration.cursors, row, members, key.is_ordered)

    def _of_connection(self, nodes: Sequence[FieldNode], on: GraphQLObjectType, row: Row, key: Standing) -> Member:
        name = nodes[0].name.value
        if name == "totalCount":
            return Total()
        inner = self._object_of(on.fields[name]) if name in {"nodes", "edges", "pageInfo"} else None
        if inner is None:
            raise UnplannableError(f"Connection.{name}")
        if name == "nodes":
            return Edges(self._of_row(nodes, inner, row))
        members: dict[str, Member] = {}
        for response_key, fields in self._fields.of([node.selection_set for node in nodes], inner).items():
            members[response_key] = self._typename(fields, inner) or self._place(fields, inner, row, key)
        return Edges(members) if name == "edges" else Part(members)

    def _place(self, nodes: Sequence[FieldNode], on: GraphQLObjectType, row: Row, key: Standing) -> Member:
        """Plan a field of an edge, or of PageInfo."""
        name = nodes[0].name.value
        if name == "node":
            return Part(self._of_row(nodes, self._object_of(on.fields[name]), row))
        if name == "cursor":
            return Cursor(tuple(map(row.column, key.columns)), is_ordered=key.is_ordered)
        if name not in FACTS | ENDS:
            raise UnplannableError(f"{on.name}.{name}")
        return Fact(name, tuple(map(row.column, key.columns)) if name in ENDS else (), key.is_ordered)

    def _declared(self, nodes: Sequence[FieldNode], on: GraphQLObjectType) -> tuple[GraphQLField, Declaration | None]:
        found = self._schema.get_field(on, nodes[0].name.value)
        if found is None or nodes[0].name.value.startswith("__"):
            raise UnplannableError(nodes[0].name.value)
        self._needs.update(_definition(found).permission_classes)
        return found, declaration_of(found)

    def _chosen(self, asked: Asked, argument: str) -> str:
        """Return the value of the argument that says which field is shown, be it in a variable."""
        given: Any = next(each.value for each in asked.node.arguments or () if each.name.value == argument)
        kind: Any = get_named_type(asked.field.args[argument].type)
        name = self._fields.flags.get(given.name.value) if isinstance(given, VariableNode) else given.value
        if name not in kind.values:
            raise UnplannableError(f"{asked.node.name.value} by a variable")
        return str(kind.parse_value(name).value)

    def _object_of(self, found: GraphQLField) -> GraphQLObjectType:
        named = get_named_type(found.type)
        if not is_object_type(named):
            raise UnplannableError(named.name)
        return named


def declaration_of(found: GraphQLField) -> Declaration | None:
    """Return how a field reads; None for one that only the generic path resolves."""
    definition = _definition(found)
    if definition is None or not all(issubclass(each, Needs) for each in definition.permission_classes):
        return None
    resolver = definition.base_resolver
    given = declared(definition.metadata, None if resolver is None else resolver.wrapped_func)
    if given is None and resolver is None:
        return _NO_DECLARATION
    return given


def check_of(found: GraphQLField) -> Check | None:
    """Return the check of a field's arguments that needs no read, if it has one."""
    definition = _definition(found)
    return None if definition is None else check_in(definition.metadata)


def python_name(found: GraphQLField) -> str:
    """Return the name of a field in Python, which is the one in its view."""
    return str(_definition(found).python_name)


def _definition(found: GraphQLField) -> Any:
    return found.extensions.get("strawberry-definition")


def _view_of(connection: GraphQLObjectType) -> str:
    return to_snake(connection.name.removesuffix("Connection"))


def _named(shown: Field, kind: GraphQLOutputType) -> Field:
    """Return the field of a column; the values of an enum are shown by their names."""
    enum: Any = get_nullable_type(kind)
    if not is_enum_type(enum) or shown.make is not None or shown.names is not None:
        return shown
    return replace(shown, names={None: None, **{each.value: name for name, each in enum.values.items()}})


def _value(shown: Field, row: Row, prefix: str) -> Value:
    return Value(shown, tuple(row.column(f"{prefix}{name}") for name in shown.columns))
