"""Mutations without the executor, which takes as long as the write to run one field and show that nothing was wrong.

The field keeps all that the schema puts around it: coercion, permissions, limits of time. What is not plain, such as a
refusal, is left to the executor, which finds the payload made.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from graphql import (
    FragmentDefinitionNode,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    get_named_type,
)
from graphql.pyutils import Path
from strawberry.execution import optimized_is_awaitable

from gql.compiled.coercing import Given
from gql.compiled.parts import PayloadPlan
from gql.compiled.plan import python_name
from gql.context import Context

_ERRORS = "userErrors"
_TYPENAME = "__typename"
#: The types whose values are shown as they are, where they have this class.
_PLAIN = {"String": str, "Boolean": bool}


#: Runs a field with its resolver and arguments, and returns its payload also where it fails.
RunMutation = Callable[..., Awaitable[Any]]


class DirectMutation:
    """One mutation field, ready to be run with any variables."""

    def __init__(self, schema: GraphQLSchema, plan: PayloadPlan, fragments: dict[str, FragmentDefinitionNode]) -> None:
        assert schema.mutation_type is not None
        self._schema = schema
        self._plan = plan
        self._fragments = fragments
        self._on = schema.mutation_type
        self._field = self._on.fields[plan.field.name.value]
        self._given = Given(schema, plan.operation, self._field, plan.field)
        self._payload = cast("GraphQLObjectType", get_named_type(self._field.type))
        self._path = Path(None, plan.key, self._on.name)
        #: The response keys of the errors, which are none, and of the payload's type.
        self._errors: list[str] = []
        self._names: list[str] = []
        #: By response key, the member of the payload and the class of its value; None where one is not plain.
        self._values: dict[str, tuple[str, type]] | None = {}
        for node in plan.others:
            self._add(node.alias.value if node.alias else node.name.value, node.name.value)

    async def run(
        self, variables: Mapping[str, Any] | None, context: Context, run: RunMutation
    ) -> dict[str, Any] | None:
        """Run the mutation, and return what its payload shows beside rows; None where the executor has to show it.

        Once the mutation ran, its payload is in the context.
        """
        arguments = None if self._values is None else self._info_and_arguments(variables, context)
        if arguments is None or self._field.resolve is None:
            return None
        info, given = arguments
        payload = await run(info, self._field.resolve, **given)
        return None if payload.user_errors else self._shown(payload)

    def _add(self, key: str, name: str) -> None:
        if self._values is None:
            return
        if name == _TYPENAME:
            self._names.append(key)
        elif name == _ERRORS:
            self._errors.append(key)
        elif (kind := _PLAIN.get(get_named_type(self._payload.fields[name].type).name)) is not None:
            self._values[key] = python_name(self._payload.fields[name]), kind
        else:
            self._values = None

    def _info_and_arguments(
        self, variables: Mapping[str, Any] | None, context: Context
    ) -> tuple[GraphQLResolveInfo[Context], dict[str, Any]] | None:
        plan, read = self._plan, self._given.read(variables or {})
        if read is None:
            return None
        values, given = read
        info = GraphQLResolveInfo(
            field_name=plan.field.name.value,
            field_nodes=[plan.field],
            return_type=self._field.type,
            parent_type=self._on,
            path=self._path,
            schema=self._schema,
            fragments=self._fragments,
            root_value=None,
            operation=plan.operation,
            variable_values=values,
            context=context,
            is_awaitable=cast("Any", optimized_is_awaitable),
            abort_signal=None,
            async_helpers=cast("Any", None),
        )
        return info, given

    def _shown(self, payload: Any) -> dict[str, Any] | None:
        shown: dict[str, Any] = dict.fromkeys(self._names, self._payload.name)
        shown |= {key: [] for key in self._errors}
        for key, (name, kind) in (self._values or {}).items():
            value = getattr(payload, name)
            if type(value) is not kind:
                return None
            shown[key] = value
        return shown
