"""Refusal of documents by their shape, before slower validation.

Validation by the GraphQL library takes a second for some documents of five kilobytes: it compares fields of one name
with one another, and follows fragments wherever they lead. What passes here is validated in a few milliseconds.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLError,
    InlineFragmentNode,
    ListValueNode,
    Node,
    ObjectValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    ValueNode,
)

from gql.limits.bounds import Bounds, limited
from gql.limits.fragments import fragments_of, innermost_first

#: The root fields of introspection.
INTROSPECTION = frozenset({"__schema", "__type"})
#: The depth of fragments within fragments, through which the library recurses.
_DEEPEST_SPREADS = 50
#: The depth of lists and objects in an argument.
DEEPEST_VALUES = 32
#: The number of fields with all fragments spread out: several times that of the largest honest document.
_MOST_FIELDS = 5_000
#: Pairs of fields under one name at one place, and of fragments spread there; the library compares each two of them,
#: at 4 microseconds a pair.
_MOST_PAIRS = 3_000


@dataclass(slots=True, kw_only=True)
class Size:
    """The size of a part of a document, with all its fragments spread out."""

    fields: int = 0
    aliases: int = 0
    directives: int = 0
    depth: int = 0
    spreads: int = 0
    values: int = 0

    def add(self, other: "Size") -> None:
        """Add the size of a sibling part."""
        self.fields += other.fields
        self.aliases += other.aliases
        self.directives += other.directives
        self.depth = max(self.depth, other.depth)
        self.spreads = max(self.spreads, other.spreads)
        self.values = max(self.values, other.values)


def misshapen(document: DocumentNode, bounds: Bounds) -> GraphQLError | None:
    """Return the error of a document that is refused for its shape alone; None when it may be validated."""
    fragments = fragments_of(document)
    order, cyclic = innermost_first(fragments)
    known: dict[str, Size] = {}
    for fragment in order:
        known[fragment.name.value] = _definition(fragment, known)
        known[fragment.name.value].spreads += 1
        if fragment.type_condition.name.value.startswith("__"):
            known[fragment.name.value].depth = 0
    operations = [part for part in document.definitions if isinstance(part, OperationDefinitionNode)]
    sizes = [_definition(operation, known) for operation in operations]
    error = _too_large([*sizes, *known.values()], bounds)
    # A cycle has no pairs to count; validation reports it at once.
    if error is None and not cyclic:
        error = _too_repetitive([*operations, *order], fragments)
    return error


def nesting(value: ValueNode) -> int:
    """Return the depth of lists and objects in a literal."""
    deepest, waiting = 0, [(value, 1)]
    while waiting:
        node, level = waiting.pop()
        inner: Sequence[ValueNode] = ()
        if isinstance(node, ListValueNode):
            inner = node.values or ()
        elif isinstance(node, ObjectValueNode):
            inner = [member.value for member in node.fields or ()]
        else:
            continue
        deepest = max(deepest, level)
        waiting.extend((each, level + 1) for each in inner)
    return deepest


def _too_large(sizes: Sequence[Size], bounds: Bounds) -> GraphQLError | None:
    most = Size()
    for size in sizes:
        most.add(size)
    # These two are counted for each operation; the rest concerns the document as a whole.
    directives = max((size.directives for size in sizes), default=0)
    aliases = max((size.aliases for size in sizes), default=0)
    rules = [
        (directives, bounds.directives, "DIRECTIVE_LIMIT", "An operation may have {} directives at most."),
        (aliases, bounds.aliases, "ALIAS_LIMIT", "An operation may have {} aliases at most."),
        (most.depth, bounds.depth, "DEPTH_LIMIT", "An operation may nest {} levels deep at most."),
        (most.spreads, _DEEPEST_SPREADS, "DEPTH_LIMIT", "Fragments may lie {} deep in one another at most."),
        (most.values, DEEPEST_VALUES, "DEPTH_LIMIT", "Lists and objects may lie {} deep in one another at most."),
        (most.fields, _MOST_FIELDS, "COST_LIMIT", "With its fragments spread out, a document may have {} fields."),
    ]
    return next((limited(code, text.format(limit)) for count, limit, code, text in rules if count > limit), None)


def _definition(part: OperationDefinitionNode | FragmentDefinitionNode, known: Mapping[str, Size]) -> Size:
    size = _selections(part.selection_set, known)
    size.directives += len(part.directives or ())
    for variable in part.variable_definitions or ():
        size.directives += len(variable.directives or ())
        if variable.default_value is not None:
            size.values = max(size.values, nesting(variable.default_value))
    return size


def _selections(selections: SelectionSetNode, known: Mapping[str, Size]) -> Size:
    """Return the size of a selection; it recurses no deeper than the parser did."""
    size = Size()
    for node in selections.selections:
        size.directives += len(node.directives or ())
        size.values = max(size.values, max((nesting(value) for value in _arguments(node)), default=0))
        if isinstance(node, FragmentSpreadNode):
            size.add(known.get(node.name.value, Size()))
            continue
        inner: SelectionSetNode | None = getattr(node, "selection_set", None)
        held = _selections(inner, known) if inner is not None else Size()
        if isinstance(node, FieldNode):
            size.fields += 1
            size.aliases += node.alias is not None
            if node.name.value in INTROSPECTION:
                # The schema's own description nests by its nature; the library bounds the lists in it.
                held.depth = 0
            held.depth += 1
            size.add(held)
        else:
            size.add(held)
    return size


def _arguments(node: Node) -> Iterator[ValueNode]:
    for argument in getattr(node, "arguments", None) or ():
        yield argument.value
    for directive in getattr(node, "directives", None) or ():
        for argument in directive.arguments or ():
            yield argument.value


def _too_repetitive(
    parts: Sequence[OperationDefinitionNode | FragmentDefinitionNode], fragments: Mapping[str, FragmentDefinitionNode]
) -> GraphQLError | None:
    pairs = 0
    for part in parts:
        groups = [[part.selection_set]]
        while groups:
            fields, spread = _merged(groups.pop(), fragments)
            pairs += _pairs(len(spread))
            for nodes in fields.values():
                pairs += _pairs(len(nodes))
                if inner := [node.selection_set for node in nodes if node.selection_set is not None]:
                    groups.append(inner)
            if pairs > _MOST_PAIRS:
                return limited("COST_LIMIT", "The document asks for the same fields over and over.")
    return None


def _merged(
    group: Sequence[SelectionSetNode], fragments: Mapping[str, FragmentDefinitionNode]
) -> tuple[dict[str, list[FieldNode]], set[str]]:
    """Return the fields at one place of the answer by their response name, and the fragments spread there."""
    fields: dict[str, list[FieldNode]] = {}
    spread: set[str] = set()
    waiting = list(group)
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                fields.setdefault((node.alias or node.name).value, []).append(node)
            elif isinstance(node, FragmentSpreadNode):
                name = node.name.value
                if name not in spread and name in fragments:
                    spread.add(name)
                    waiting.append(fragments[name].selection_set)
            elif isinstance(node, InlineFragmentNode):
                waiting.append(node.selection_set)
    return fields, spread


def _pairs(count: int) -> int:
    return count * (count - 1) // 2
