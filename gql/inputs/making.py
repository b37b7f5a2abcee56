"""The making of inputs from their values: each type looks at its fields once, and not at each value."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING
from typing import Any

from strawberry import Schema
from strawberry.relay import GlobalID
from strawberry.schema.compat import is_scalar
from strawberry.types.arguments import InputContext
from strawberry.types.base import StrawberryList, StrawberryObjectDefinition, StrawberryOptional
from strawberry.types.enum import StrawberryEnumDefinition, has_enum_definition

#: Makes a value that is not null; None where it is what it is to be.
_Convert = Callable[[Any, InputContext], Any] | None


def make_inputs_quickly(schema: Schema) -> None:
    """Have the input types of a schema make their values in the same way as Strawberry does, and faster."""
    for kind in schema.schema_converter.type_map.values():
        definition = kind.definition
        if isinstance(definition, StrawberryObjectDefinition) and definition.is_input:
            definition.from_input = _Maker(definition)


class _Maker:
    """The maker of the values of one type."""

    def __init__(self, definition: StrawberryObjectDefinition) -> None:
        self._definition = definition
        #: By the name in the schema, that in Python and what converts the value; made on first use, since types may
        #: name one another.
        self._fields: dict[str, tuple[str, _Convert]] | None = None
        self._absent = {
            field.python_name: None
            for field in definition.fields
            if field.default_value is MISSING and field.default_factory is MISSING
        }

    def __call__(self, kind: type, given: Mapping[str, Any], context: InputContext) -> Any:
        fields = self._fields
        if fields is None:
            fields = self._fields = self._fields_for(context)
        values: dict[str, Any] = self._absent.copy()
        for name, value in given.items():
            field, convert = fields[name]
            values[field] = value if convert is None or value is None else convert(value, context)
        return kind(**values)

    def _fields_for(self, context: InputContext) -> dict[str, tuple[str, _Convert]]:
        name_of = context.config.name_converter.from_field
        return {
            name_of(field): (
                field.python_name,
                _convert_for(field.resolve_type(type_definition=self._definition), name_of(field), context),
            )
            for field in self._definition.fields
        }


def _convert_for(kind: Any, name: str, context: InputContext) -> _Convert:
    if isinstance(kind, StrawberryOptional):
        return _convert_for(kind.of_type, name, context)
    if _is_leaf(kind, context):
        return None
    if isinstance(kind, StrawberryList):
        item = kind.of_type
        if _is_leaf(item.of_type if isinstance(item, StrawberryOptional) else item, context):
            # A copy: the default of a list is one and the same for all who leave it out.
            return lambda value, _: list(value)
    return lambda value, here: here.convert(value, kind, name)


def _is_leaf(kind: Any, context: InputContext) -> bool:
    if isinstance(kind, StrawberryEnumDefinition) or has_enum_definition(kind):
        return True
    return kind is not GlobalID and is_scalar(kind, context.scalar_registry)
