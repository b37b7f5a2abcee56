"""The fields of a selection as the executor would see them: fragments opened, directives obeyed, equal keys merged."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    DirectiveNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    SelectionSetNode,
    VariableNode,
    is_abstract_type,
)

from gql.compiled.declarations import Declaration

#: The directives that the core knows.
_ONLY_IF = {"include": True, "skip": False}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A field with arguments, of which the declaration says what they are about."""

    field: GraphQLField
    node: FieldNode
    declaration: Declaration
    #: Of a root that may find objects of several kinds: the view of the kind in question.
    view: str = ""


class UnplannableError(Exception):
    """The reason why an operation takes the generic path."""


class Fields:
    """A collector of the fields of one operation; `flags` are the values of variables on which a plan depends."""

    def __init__(
        self, schema: GraphQLSchema, fragments: Mapping[str, FragmentDefinitionNode], flags: Mapping[str, Any]
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self.flags = flags

    def of(self, selections: Sequence[SelectionSetNode | None], on: GraphQLObjectType) -> dict[str, list[FieldNode]]:
        """Return the fields of an object by response key, in the order of the answer.

        Raises:
            UnplannableError: a directive is none that is known here.
        """
        found: dict[str, list[FieldNode]] = {}
        seen: set[str] = set()
        for selection in selections:
            for field in self._walk(selection, on, seen):
                key = field.alias or field.name
                found.setdefault(key.value, []).append(field)
        return found

    def _walk(self, selections: SelectionSetNode | None, on: GraphQLObjectType, seen: set[str]) -> Iterator[FieldNode]:
        for node in selections.selections if selections is not None else ():
            if not self._is_included(node.directives or ()):
                continue
            if isinstance(node, FieldNode):
                yield node
            elif isinstance(node, InlineFragmentNode):
                if node.type_condition is None or self._applies(node.type_condition.name.value, on):
                    yield from self._walk(node.selection_set, on, seen)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                fragment = self._fragments[node.name.value]
                if self._applies(fragment.type_condition.name.value, on):
                    yield from self._walk(fragment.selection_set, on, seen)

    def _is_included(self, directives: Sequence[DirectiveNode]) -> bool:
        included = True
        for directive in directives:
            if directive.name.value not in _ONLY_IF:
                raise UnplannableError(f"@{directive.name.value}")
            [argument] = directive.arguments or ()
            value: Any = argument.value
            given = self.flags.get(value.name.value) if isinstance(value, VariableNode) else value.value
            if not isinstance(given, bool):
                raise UnplannableError("a flag that is not a boolean")
            included = included and given is _ONLY_IF[directive.name.value]
        return included

    def _applies(self, name: str, on: GraphQLObjectType) -> bool:
        named = self._schema.type_map[name]
        return named is on or (is_abstract_type(named) and self._schema.is_sub_type(named, on))
