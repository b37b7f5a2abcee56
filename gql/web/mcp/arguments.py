"""The arguments of tools as JSON Schema, made from the schema of the API: it describes each once."""

from collections.abc import Mapping
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    OperationDefinitionNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    Visitor,
    is_input_type,
    parse,
    type_from_ast,
    value_from_ast_untyped,
    visit,
)
from graphql.pyutils import Undefined

_SCALARS: Mapping[str, Mapping[str, Any]] = {
    "Int": {"type": "integer"},
    "Float": {"type": "number"},
    "Boolean": {"type": "boolean"},
    "String": {"type": "string"},
    "ID": {"type": "string"},
    "DateTime": {"type": "string", "format": "date-time"},
}
#: The variable whose fields are the arguments.
INPUT = "input"


def arguments_of(schema: GraphQLSchema, operation: str) -> dict[str, Any]:
    """Return the JSON Schema of an operation's variables."""
    document = parse(operation)
    definition = document.definitions[0]
    assert isinstance(definition, OperationDefinitionNode)
    types = _Types()
    described = _Descriptions(TypeInfo(schema))
    visit(document, TypeInfoVisitor(described.types, described))
    found: dict[str, Any] = {"type": "object", "properties": {}, "required": []}
    for variable in definition.variable_definitions or ():
        name, type_ = variable.variable.name.value, type_from_ast(schema, variable.type)
        assert is_input_type(type_)
        if name == INPUT:
            assert isinstance(type_, GraphQLNonNull)
            found = types.object(type_.of_type)
            break
        default = value_from_ast_untyped(variable.default_value) if variable.default_value else Undefined
        found["properties"][name] = _described(types.of(type_), described.found.get(name), default)
        if isinstance(type_, GraphQLNonNull):
            found["required"].append(name)
    return {**found, "additionalProperties": False} | ({"$defs": types.defined} if types.defined else {})


class _Types:
    """JSON Schema of types, of which inputs are defined once: they may hold themselves."""

    def __init__(self) -> None:
        self.defined: dict[str, Any] = {}

    def of(self, type_: GraphQLInputType) -> dict[str, Any]:
        """Return the schema of a type."""
        if isinstance(type_, GraphQLNonNull):
            return self.of(type_.of_type)
        if isinstance(type_, GraphQLList):
            return {"type": "array", "items": self.of(type_.of_type)}
        if isinstance(type_, GraphQLEnumType):
            return {"type": "string", "enum": list(type_.values)}
        if isinstance(type_, GraphQLInputObjectType):
            if type_.name not in self.defined:
                self.defined[type_.name] = {}
                self.defined[type_.name].update(self.object(type_))
            return {"$ref": f"#/$defs/{type_.name}"}
        return dict(_SCALARS.get(type_.name, {}))

    def object(self, type_: GraphQLInputObjectType) -> dict[str, Any]:
        """Return the schema of an input's fields."""
        fields = type_.fields.items()
        return {
            "type": "object",
            "properties": {name: _described(self.of(field.type), field.description) for name, field in fields},
            "required": [
                name
                for name, field in fields
                if isinstance(field.type, GraphQLNonNull) and field.default_value is Undefined
            ],
        }


class _Descriptions(Visitor):
    """The descriptions of the arguments that variables are given to."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self.types = types
        self.found: dict[str, str | None] = {}

    def enter_variable(self, node: VariableNode, *_: object) -> None:
        """Keep what is said of the place where a variable stands."""
        argument = self.types.get_argument()
        if argument is not None and node.name.value not in self.found:
            self.found[node.name.value] = argument.description


def _described(schema: dict[str, Any], description: str | None, default: Any = Undefined) -> dict[str, Any]:
    more = {"description": description} if description else {}
    return schema | more | ({} if default is Undefined else {"default": default})
