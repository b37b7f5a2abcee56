"""Variables and inputs as resolvers get them, read by functions that are made once for each type.

The core looks at each type anew for each value, which takes longer than a short write does. What is not plain, such as
a value that is refused, is left to it.
"""

from collections.abc import Callable, Mapping
from typing import Any

from graphql import (
    FieldNode,
    GraphQLArgument,
    GraphQLError,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLSchema,
    OperationDefinitionNode,
    Undefined,
    VariableNode,
    VariableValues,
    get_argument_values,
    get_variable_values,
    is_enum_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
    is_required_input_field,
    type_from_ast,
)
from graphql.utilities.coerce_input_value import coerce_default_value

#: The classes of values that are taken as they are, by the name of their type.
_PLAIN_CLASSES = {"ID": str, "String": str, "Boolean": bool}
#: Reads a value; refuses null, as all that it is not made for.
_Read = Callable[[Any], Any]


class OddError(Exception):
    """A value that the core has to look at: it may be wrong."""


class Given:
    """The variables of an operation, and the arguments of its one field."""

    def __init__(
        self, schema: GraphQLSchema, operation: OperationDefinitionNode, field: GraphQLField, node: FieldNode
    ) -> None:
        self._schema = schema
        self._definitions = operation.variable_definitions or ()
        self._field = field
        self._node = node
        readers = Readers()
        #: By variable, the reader of its values and whether they may be null.
        self._variables = {
            each.variable.name.value: readers.of(type_from_ast(schema, each.type)) for each in self._definitions
        }
        given = {each.name.value: each.value for each in node.arguments or ()}
        #: By argument, the variable that it is.
        self._arguments = {
            field.args[name].out_name or name: value.name.value
            for name, value in given.items()
            if isinstance(value, VariableNode)
        }
        have_defaults = any(map(_has_default, field.args.values())) or any(
            each.default_value is not None for each in self._definitions
        )
        self._is_plain = len(self._arguments) == len(given) and not have_defaults

    def read(self, variables: Mapping[str, Any]) -> tuple[VariableValues, dict[str, Any]] | None:
        """Return the variables and the arguments by name; None where they are refused."""
        if self._is_plain:
            try:
                values = self._values(variables)
            except OddError:
                pass
            else:
                arguments = {name: values[variable] for name, variable in self._arguments.items() if variable in values}
                return VariableValues({}, values), arguments
        return self._by_core(variables)

    def _values(self, variables: Mapping[str, Any]) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for name, (read, may_be_null) in self._variables.items():
            value = variables.get(name)
            if value is not None or not may_be_null:
                values[name] = read(value)
            elif name in variables:
                values[name] = None
        return values

    def _by_core(self, variables: Mapping[str, Any]) -> tuple[VariableValues, dict[str, Any]] | None:
        values = get_variable_values(self._schema, self._definitions, dict(variables), max_errors=1)
        if isinstance(values, list):
            return None
        try:
            return values, get_argument_values(self._field, self._node, values)
        except GraphQLError:
            return None


class Readers:
    """The readers of values by their types."""

    def __init__(self) -> None:
        self._of: dict[str, _Read] = {}

    def of(self, kind: Any) -> tuple[_Read, bool]:
        """Return the reader of a type's values, and whether they may be null."""
        if is_non_null_type(kind):
            return self._reader(kind.of_type), False
        return self._reader(kind), True

    def _reader(self, kind: Any) -> _Read:
        if is_list_type(kind):
            return _list_reader(*self.of(kind.of_type))
        if kind.name not in self._of:
            self._of[kind.name] = self._made(kind)
        return self._of[kind.name]

    def _made(self, kind: Any) -> _Read:
        if is_input_object_type(kind):
            return self._object_reader(kind)
        if is_enum_type(kind):
            return _enum_reader({name: kind.coerce_input_value(name) for name in kind.values})
        if kind.name in _PLAIN_CLASSES:
            return _plain_reader(_PLAIN_CLASSES[kind.name])
        return _leaf_reader(kind)

    def _object_reader(self, kind: GraphQLInputObjectType) -> _Read:
        if kind.is_one_of:
            return _refuse
        needed = {name for name, each in kind.fields.items() if is_required_input_field(each)}
        defaults = {
            each.out_name or name: coerce_default_value(each)
            for name, each in kind.fields.items()
            if _has_default(each)
        }
        fields: dict[str, tuple[str, _Read, bool]] = {}

        def read(value: Any) -> Any:
            if type(value) is not dict or not needed <= value.keys():
                raise OddError
            if not fields:
                # Types may name one another.
                fields.update(
                    {name: (each.out_name or name, *self.of(each.type)) for name, each in kind.fields.items()}
                )
            made = defaults.copy()
            for name, member in value.items():
                if name not in fields:
                    raise OddError
                out, read_member, may_be_null = fields[name]
                made[out] = None if member is None and may_be_null else read_member(member)
            return kind.out_type(made)

        return read


def _has_default(given: GraphQLArgument | GraphQLInputField) -> bool:
    return given.default is not None or given.default_value is not Undefined


def _refuse(_: Any) -> Any:
    raise OddError


def _list_reader(read: _Read, may_be_null: bool) -> _Read:  # noqa: FBT001 - as `Readers.of` returns it
    def read_list(value: Any) -> Any:
        if type(value) is not list:
            raise OddError
        return [None if each is None and may_be_null else read(each) for each in value]

    return read_list


def _enum_reader(values: Mapping[str, Any]) -> _Read:
    def read(value: Any) -> Any:
        if type(value) is not str or value not in values:
            raise OddError
        return values[value]

    return read


def _plain_reader(kind: type) -> _Read:
    def read(value: Any) -> Any:
        if type(value) is not kind:
            raise OddError
        return value

    return read


def _leaf_reader(kind: Any) -> _Read:
    def read(value: Any) -> Any:
        if value is None:
            raise OddError
        try:
            return kind.coerce_input_value(value)
        except Exception as error:
            raise OddError from error

    return read
