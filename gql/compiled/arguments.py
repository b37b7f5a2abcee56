"""The arguments of an operation's fields, as what is wanted: whatever has no variable in it is read once."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    VariableDefinitionNode,
    VariableNode,
    VariableValues,
    Visitor,
    get_argument_values,
    get_variable_values,
    is_non_null_type,
    visit,
)

from domain.errors import DomainError
from domain.model.cursor import CursorCodec
from domain.model.filters import size_of
from domain.model.paging import PageRequest
from domain.model.selection import AllOf, Rows, Wanted
from domain.model.viewer import Audience, Viewer
from gql.compiled.callers import values_of
from gql.compiled.declarations import Declaration, Kind, cursor_name
from gql.compiled.fields import Asked, UnplannableError
from gql.pagination import PageArguments

_OF_PAGES = frozenset({"first", "after", "last", "before"})
#: Values that all filters compare with: to write the statement takes a tenth of a millisecond for each.
_MOST_COMPARED = 150
_INT_BITS = 31
#: The values of variables that are taken as they are, by the name of their type.
_PLAIN: Mapping[str, Callable[[Any], bool]] = {
    "ID": lambda value: type(value) is str,
    "String": lambda value: type(value) is str,
    "Boolean": lambda value: type(value) is bool,
    "Int": lambda value: type(value) is int and -(1 << _INT_BITS) <= value < 1 << _INT_BITS,
}


class Variables:
    """A reader of an operation's variables, which leaves to the core whatever is no plain value."""

    def __init__(self, schema: GraphQLSchema, definitions: Sequence[VariableDefinitionNode]) -> None:
        self._schema = schema
        self._definitions = definitions
        self._plain = [(each.variable.name.value, _PLAIN.get(_type_of(each))) for each in definitions]
        self._needed = {each.variable.name.value for each in definitions if isinstance(each.type, NonNullTypeNode)}
        self._have_defaults = any(each.default_value is not None for each in definitions)

    def plain(self, given: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the values by name; None where the core has to read them."""
        if self._have_defaults:
            return None
        values: dict[str, Any] = {}
        for name, is_plain in self._plain:
            value = given.get(name, ...)
            if value is ... or value is None:
                if name in self._needed:
                    return None
                if value is None:
                    values[name] = None
            elif is_plain is None or not is_plain(value):
                return None
            else:
                values[name] = value
        return values

    def read(self, given: Mapping[str, Any]) -> VariableValues | None:
        """Return what the core makes of them; None where it refuses them."""
        read = get_variable_values(self._schema, self._definitions, dict(given), max_errors=1)
        return None if isinstance(read, list) else read


class _Given:
    """The arguments of one field."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        nodes = {each.name.value: each.value for each in asked.node.arguments or ()}
        #: The names of those with a variable in them.
        self.open = {name for name, value in nodes.items() if _has_variable(value)}
        #: The variables that are an argument by themselves, by its name; the core reads those within a value.
        self._variables = {name: node.name.value for name, node in nodes.items() if isinstance(node, VariableNode)}
        self.needs_core = len(self._variables) < len(self.open)
        self._needed = {name for name in self.open if is_non_null_type(asked.field.args[name].type)}
        self.fixed = _fixed(asked, self.open)

    def read(self, values: Mapping[str, Any], core: VariableValues | None) -> Mapping[str, Any] | None:
        """Return the arguments by name; None where they are refused."""
        if self.needs_core:
            return get_argument_values(self._asked.field, self._asked.node, core)
        arguments = dict(self.fixed)
        for name, variable in self._variables.items():
            value = values.get(variable, ...)
            if name in self._needed and (value is ... or value is None):
                return None
            if value is not ...:
                arguments[name] = value
        return arguments


@dataclass(frozen=True, slots=True)
class _RootReader:
    given: _Given
    declaration: Declaration
    view: str
    #: The rows, where no variable has a say in them.
    rows: Rows | None


class ArgumentsReader:
    """A reader of the arguments of all roots and pages of an operation.

    Raises:
        UnplannableError: arguments are refused whatever the variables are, or are not read here.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        *,
        roots: Sequence[Asked],
        pages: Sequence[Asked],
        audience: Audience,
        cursors: CursorCodec,
        shows_caller: bool,
    ) -> None:
        self._audience = audience
        self._shows_caller = shows_caller
        self._cursors = cursors
        self._variables = Variables(schema, operation.variable_definitions or ())
        given = {id(asked.node): _Given(asked) for asked in (*roots, *pages)}
        #: A mutation's own variables are read by the core, when it runs.
        writes = operation.operation is OperationType.MUTATION
        self._is_fixed = writes and not any(each.open for each in given.values())
        self._needs_core = any(each.needs_core for each in given.values())
        self._roots = [
            _RootReader(given[id(asked.node)], asked.declaration, asked.view, fixed_rows(asked, audience))
            for asked in roots
        ]
        #: Each page, and the place of its root, on whose order the name of its cursors depends.
        places = {id(asked.node): place for place, asked in enumerate(roots)}
        self._pages = [(given[id(asked.node)], places.get(id(asked.node)), asked.declaration) for asked in pages]
        self._fixed = [self._fixed_page(*page) for page in self._pages]

    def read(self, variables: Mapping[str, Any] | None, viewer: Viewer) -> tuple[Wanted, Sequence[Any]] | None:
        """Return what is wanted, and what the answer needs; None where the generic path has to see to it.

        The latter is for each root the name of its cursors, or the ids that were asked for; and behind them the caller.
        """
        found = self._read(variables)
        return None if found is None else (found[0], [*found[1], values_of(viewer) if self._shows_caller else ()])

    def _read(self, variables: Mapping[str, Any] | None) -> tuple[Wanted, list[Any]] | None:
        if self._is_fixed:
            return self._wanted({}, None)
        values, core = None if self._needs_core else self._variables.plain(variables or {}), None
        if values is None:
            core = self._variables.read(variables or {})
            if core is None:
                return None
            values = core.coerced
        with suppress(GraphQLError, DomainError):
            return self._wanted(values, core)
        return None

    def _wanted(self, values: Mapping[str, Any], core: VariableValues | None) -> tuple[Wanted, list[Any]] | None:
        rows: list[Rows] = []
        needed: list[Any] = []
        for root in self._roots:
            chosen = root.rows
            if chosen is None:
                arguments = root.given.read(values, core)
                assert root.declaration.choose is not None
                chosen = None if arguments is None else root.declaration.choose(arguments, self._audience, root.view)
            if chosen is None:
                return None
            rows.append(chosen)
            needed.append(self._needed(root, chosen, values, core))
        if sum(size_of(each.tree) for each in rows if isinstance(each, AllOf)) > _MOST_COMPARED:
            return None
        pages = []
        for (given, place, declaration), fixed in zip(self._pages, self._fixed, strict=True):
            if fixed is not None:
                pages.append(fixed)
                continue
            arguments = given.read(values, core)
            if arguments is None:
                return None
            pages.append(self._page(arguments, declaration, declaration.cursors if place is None else needed[place]))
        return Wanted(rows=rows, pages=pages), needed

    @staticmethod
    def _needed(root: _RootReader, chosen: Rows, values: Mapping[str, Any], core: VariableValues | None) -> Any:
        if isinstance(chosen, AllOf):
            cursors = root.declaration.cursors
            return cursor_name(cursors, chosen.order) if root.declaration.is_ordered else cursors
        return (root.given.read(values, core) or {}).get("ids") if root.declaration.kind is Kind.SOME else None

    def _fixed_page(self, given: _Given, place: int | None, declaration: Declaration) -> PageRequest | None:
        """Return a page within a row in whose arguments no variable stands."""
        if given.open or place is not None:
            return None
        try:
            return self._page(given.fixed, declaration, declaration.cursors)
        except DomainError as error:
            raise UnplannableError("arguments that are refused") from error

    def _page(self, arguments: Mapping[str, Any], declaration: Declaration, cursors: str) -> PageRequest:
        given = PageArguments(
            first=arguments.get("first"),
            after=arguments.get("after"),
            last=arguments.get("last"),
            before=arguments.get("before"),
        )
        page = given.request(self._cursors, cursors)
        return page if declaration.pick is None else replace(page, among=declaration.pick(arguments))


def fixed_rows(asked: Asked, audience: Audience) -> Rows | None:
    """Return the rows of a root, where no variable has a say in them.

    Raises:
        UnplannableError: its arguments are refused, or only the generic path takes them.
    """
    names = {each.name.value for each in asked.node.arguments or () if _has_variable(each.value)}
    if names - _OF_PAGES:
        return None
    assert asked.declaration.choose is not None
    try:
        rows = asked.declaration.choose(_fixed(asked, names), audience, asked.view)
    except DomainError as error:
        raise UnplannableError("arguments that are refused") from error
    if rows is None:
        raise UnplannableError("arguments")
    return rows


def _fixed(asked: Asked, without: set[str]) -> Mapping[str, Any]:
    """Return all arguments but those."""
    args = {name: argument for name, argument in asked.field.args.items() if name not in without}
    try:
        return get_argument_values(GraphQLField(asked.field.type, args=args), asked.node)
    except GraphQLError as error:
        raise UnplannableError("arguments that are refused") from error


def _type_of(definition: VariableDefinitionNode) -> str:
    kind: Any = definition.type
    if isinstance(kind, NonNullTypeNode):
        kind = kind.type
    name = getattr(kind, "name", None)
    return "" if name is None else str(name.value)


def _has_variable(value: Any) -> bool:
    found = False

    class _Variables(Visitor):
        def enter_variable(self, *_: Any) -> None:
            nonlocal found
            found = True

    visit(value, _Variables())
    return found
