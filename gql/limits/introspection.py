"""The fields that introspection requests, in a normal form, and the number of them to resolve."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from graphql import (
    BooleanValueNode,
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    StringValueNode,
    VariableNode,
    get_introspection_query,
    get_named_type,
    get_nullable_type,
    introspection_types,
    is_list_type,
    parse,
)

from gql.limits.fragments import fragments_of

#: How many times the whole schema one operation may request.
_MOST_WHOLES = 2


@dataclass(frozen=True, slots=True)
class RequestedField:
    """A selected field of a description; equal for documents that differ in their spelling alone."""

    key: str
    name: str
    #: The introspection type that it belongs to, such as `__Type`.
    on: str
    #: The value of `includeDeprecated`; None where the field has no such argument.
    deprecated: bool | None
    inner: tuple["RequestedField", ...]

    @property
    def arguments(self) -> dict[str, bool]:
        """The arguments of its resolver."""
        return {} if self.deprecated is None else {"includeDeprecated": self.deprecated}


class Planner:
    """A reader of introspection's selections that spreads fragments, merges fields and drops skipped ones."""

    def __init__(self, fragments: Mapping[str, FragmentDefinitionNode], variables: Mapping[str, Any]) -> None:
        self._fragments = fragments
        self._variables = variables

    def plan(self, nodes: Iterable[FieldNode], on: GraphQLObjectType) -> tuple[RequestedField, ...]:
        """Return the requested fields of that type, merged from one or several fields of the same name."""
        fields: dict[str, list[FieldNode]] = {}
        spread: set[str] = set()
        for node in nodes:
            if node.selection_set is not None:
                self._collect(node.selection_set, fields, spread)
        return tuple(self._asked(key, same, on) for key, same in fields.items())

    def type_named_by(self, node: FieldNode, schema: GraphQLSchema) -> GraphQLNamedType | None:
        """Return the type that `__type` describes; None where there is no such type."""
        value = node.arguments[0].value if node.arguments else None
        name = value.value if isinstance(value, StringValueNode) else self._variable(value)
        return schema.get_type(name) if isinstance(name, str) else None

    def _asked(self, key: str, nodes: Sequence[FieldNode], on: GraphQLObjectType) -> RequestedField:
        name = nodes[0].name.value
        field = on.fields.get(name)
        given = get_named_type(field.type) if field is not None else None
        return RequestedField(
            key,
            name,
            on.name,
            self._is_true(nodes[0], "includeDeprecated") if field is not None and field.args else None,
            self.plan(nodes, given) if isinstance(given, GraphQLObjectType) else (),
        )

    def _collect(self, selections: SelectionSetNode, fields: dict[str, list[FieldNode]], spread: set[str]) -> None:
        for node in selections.selections:
            if not self._is_included(node.directives):
                continue
            if isinstance(node, FieldNode):
                fields.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, InlineFragmentNode):
                # Every introspection type is an object, and validation made sure that the condition holds.
                self._collect(node.selection_set, fields, spread)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in spread:
                spread.add(node.name.value)
                self._collect(self._fragments[node.name.value].selection_set, fields, spread)

    def _is_included(self, directives: Iterable[DirectiveNode] | None) -> bool:
        return all(
            self._is_true(each, "if") is (each.name.value == "include")
            for each in directives or ()
            if each.name.value in {"skip", "include"}
        )

    def _is_true(self, node: FieldNode | DirectiveNode, name: str) -> bool:
        value = next((each.value for each in node.arguments or () if each.name.value == name), None)
        return value.value if isinstance(value, BooleanValueNode) else self._variable(value) is True

    def _variable(self, value: Any) -> Any:
        return self._variables.get(value.name.value) if isinstance(value, VariableNode) else None


@lru_cache(maxsize=256)
def resolved_fields(plan: tuple[RequestedField, ...], source: Any, schema: GraphQLSchema) -> int:
    """Return how many fields a description resolves; counting stops beyond the most that is allowed.

    Cached, because one operation may request the same under many aliases, and tools send the same again.
    """
    return _Counting(schema).total(plan, [(source, 1)])


@lru_cache(maxsize=4)
def most_fields(schema: GraphQLSchema) -> int:
    """Return how many fields of introspection one operation may resolve."""
    document = parse(
        get_introspection_query(
            specified_by_url=True,
            directive_is_repeatable=True,
            schema_description=True,
            input_value_deprecation=True,
            experimental_directive_deprecation=True,
            one_of=True,
        )
    )
    operation = document.definitions[0]
    assert isinstance(operation, OperationDefinitionNode)
    nodes = [node for node in operation.selection_set.selections if isinstance(node, FieldNode)]
    plan = Planner(fragments_of(document), {}).plan(nodes, type_of_introspection("__Schema"))
    return _MOST_WHOLES * _Counting(schema, most=None).total(plan, [(schema, 1)])


def type_of_introspection(name: str) -> GraphQLObjectType:
    """Return an introspection type by name."""
    found = introspection_types[name]
    assert isinstance(found, GraphQLObjectType)
    return found


def info_of(schema: GraphQLSchema) -> Any:
    """Return the info that the library's resolvers for introspection need."""
    return SimpleNamespace(schema=schema)


#: Described objects, each with the number of times that it is described at that place.
_Things = list[tuple[Any, int]]


class _Counting:
    """A counter that visits each place of the document once, for all objects described there together."""

    def __init__(self, schema: GraphQLSchema, *, most: int | None = 0) -> None:
        self._info = info_of(schema)
        self._most = most_fields(schema) if most is not None else None
        self._count = 0

    def total(self, plan: Sequence[RequestedField], things: _Things) -> int:
        times = sum(count for _, count in things)
        for asked in plan if times else ():
            self._count += times
            if self._most is not None and self._count > self._most:
                break
            if asked.inner:
                self.total(asked.inner, self._within(asked, things))
        return self._count

    def _within(self, asked: RequestedField, things: _Things) -> _Things:
        field = type_of_introspection(asked.on).fields[asked.name]
        assert field.resolve is not None
        is_list, is_type = is_list_type(get_nullable_type(field.type)), get_named_type(field.type).name == "__Type"
        found: _Things = []
        for source, times in things:
            value = field.resolve(source, self._info, **asked.arguments)
            if value is not None:
                found.extend((each, times) for each in (value if is_list else (value,)))
        return _merged(found) if is_type else found


def _merged(types: _Things) -> _Things:
    """Return the types with one entry each: hundreds of fields share a few types."""
    counts: dict[str, int] = {}
    named: dict[str, Any] = {}
    for each, times in types:
        name = _written(each)
        counts[name] = counts.get(name, 0) + times
        named[name] = each
    return [(named[name], times) for name, times in counts.items()]


@lru_cache(maxsize=20_000)
def _written(described: Any) -> str:
    """Return a type as it is written; cached, because writing one that wraps others takes longest in counting."""
    return str(described)
