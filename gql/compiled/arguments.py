"""The arguments of an operation's fields, as what is wanted: whatever has no variable in it is read once."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

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

_CURSORS = frozenset({"after", "before"})
_OF_PAGES = frozenset({"first", "last"}) | _CURSORS
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

    @property
    def are_plain(self) -> bool:
        """Return whether `plain` can ever return anything."""
        return not self._have_defaults and all(is_plain is not None for _, is_plain in self._plain)

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

    def variables_of(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the variables that are the arguments of these names."""
        return tuple(self._variables[name] for name in names)

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
    #: The rows, where no variable has a say in them, and what the answer needs of them.
    rows: Rows | None
    needed: Any = None

    @classmethod
    def of(cls, asked: Asked, given: _Given, audience: Audience) -> Self:
        rows = fixed_rows(asked, audience)
        needed = None if rows is None else _needed(asked.declaration, rows, given.fixed)
        return cls(given, asked.declaration, asked.view, rows, needed)


@dataclass(frozen=True, slots=True)
class _PageReader:
    given: _Given
    declaration: Declaration
    #: The place of its root, on whose order the name of its cursors depends.
    root: int | None
    #: The page for as long as no cursor is given, where no other variable has a say in it.
    plain: PageRequest | None
    #: The variables that are cursors then.
    cursors: tuple[str, ...] = ()


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
        #: Whether reading takes long, and what is read depends on the variables alone.
        self.take_long = not (writes or shows_caller) and (self._needs_core or not self._variables.are_plain)
        self._roots = [_RootReader.of(asked, given[id(asked.node)], audience) for asked in roots]
        #: Whether rows are wanted that match a filter.
        self._may_compare = any(asked.declaration.kind is Kind.ALL for asked in roots)
        places = {id(asked.node): place for place, asked in enumerate(roots)}
        self._pages = [
            self._page_reader(asked.declaration, given[id(asked.node)], places.get(id(asked.node))) for asked in pages
        ]

    def read(self, variables: Mapping[str, Any] | None, viewer: Viewer) -> tuple[Wanted, Sequence[Any]] | None:
        """Return what is wanted, and what the answer needs; None where the generic path has to see to it.

        The latter is for each root the name of its cursors, or the ids that were asked for; and behind them the caller.
        """
        found = self._read(variables)
        if found is not None and self._shows_caller:
            found[1].append(values_of(viewer))
        return found

    def _read(self, variables: Mapping[str, Any] | None) -> tuple[Wanted, list[Any]] | None:
        if self._is_fixed:
            return self._wanted({}, None)
        values, core = None if self._needs_core else self._variables.plain(variables or {}), None
        if values is None:
            core = self._variables.read(variables or {})
            if core is None:
                return None
            values = core.coerced
        try:
            return self._wanted(values, core)
        except (GraphQLError, DomainError):
            return None

    def _wanted(self, values: Mapping[str, Any], core: VariableValues | None) -> tuple[Wanted, list[Any]] | None:
        rows: list[Rows] = []
        needed: list[Any] = []
        for root in self._roots:
            if root.rows is not None:
                rows.append(root.rows)
                needed.append(root.needed)
                continue
            arguments = root.given.read(values, core)
            assert root.declaration.choose is not None
            chosen = None if arguments is None else root.declaration.choose(arguments, self._audience, root.view)
            if arguments is None or chosen is None:
                return None
            rows.append(chosen)
            needed.append(_needed(root.declaration, chosen, arguments))
        if self._may_compare and sum(size_of(each.tree) for each in rows if isinstance(each, AllOf)) > _MOST_COMPARED:
            return None
        pages = []
        for reader in self._pages:
            page = reader.plain if not any(map(values.get, reader.cursors)) else None
            page = page or self._page(reader, values, core, needed)
            if page is None:
                return None
            pages.append(page)
        return Wanted(rows=rows, pages=pages), needed

    def _page(
        self, reader: _PageReader, values: Mapping[str, Any], core: VariableValues | None, needed: Sequence[Any]
    ) -> PageRequest | None:
        arguments = reader.given.read(values, core)
        if arguments is None:
            return None
        declaration = reader.declaration
        cursors = declaration.cursors if reader.root is None else needed[reader.root]
        return _if_small(page_of(arguments, declaration, self._cursors, cursors, self._audience))

    def _page_reader(self, declaration: Declaration, given: _Given, root: int | None) -> _PageReader:
        # A filter says nothing of the page, and a cursor is a variable by itself.
        is_chosen = declaration.pick is not None or declaration.match is not None
        asked = given.open if is_chosen else given.open & _OF_PAGES
        if asked - _CURSORS:
            return _PageReader(given, declaration, root, None)
        cursors = declaration.cursors if root is None else self._roots[root].needed
        if cursors is None and any(given.fixed.get(name) is not None for name in _CURSORS):
            return _PageReader(given, declaration, root, None)
        try:
            plain = _if_small(page_of(given.fixed, declaration, self._cursors, cursors or "", self._audience))
        except DomainError as error:
            raise UnplannableError("arguments that are refused") from error
        if plain is None:
            raise UnplannableError("arguments")
        return _PageReader(given, declaration, root, plain, given.variables_of(asked))


def page_of(
    arguments: Mapping[str, Any], declaration: Declaration, cursors: CursorCodec, name: str, audience: Audience
) -> PageRequest | None:
    """Return the page of the list of that name that a connection's arguments ask for; None where a read has to tell.

    Raises:
        DomainError: they are refused.
    """
    given = PageArguments(
        first=arguments.get("first"),
        after=arguments.get("after"),
        last=arguments.get("last"),
        before=arguments.get("before"),
    )
    if declaration.match is not None:
        matched = declaration.match(arguments, audience)
        if matched is None:
            return None
        tree, order = matched
        return replace(given.request(cursors, cursor_name(name, order)), tree=tree, order=order)
    page = given.request(cursors, name)
    return page if declaration.pick is None else replace(page, among=declaration.pick(arguments))


def _if_small(page: PageRequest | None) -> PageRequest | None:
    return None if page is None or size_of(page.tree) > _MOST_COMPARED else page


def _needed(declaration: Declaration, rows: Rows, arguments: Mapping[str, Any]) -> Any:
    """Return the name of a root's cursors, or the ids that it was asked for."""
    if isinstance(rows, AllOf):
        return cursor_name(declaration.cursors, rows.order) if declaration.is_ordered else declaration.cursors
    return arguments.get("ids") if declaration.kind is Kind.SOME else None


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
