"""Introspection that yields to the event loop, with a cache for the queries that all tools send."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, ClassVar

import orjson
from graphql import (
    FieldNode,
    GraphQLObjectType,
    get_argument_values,
    get_named_type,
    get_nullable_type,
    is_composite_type,
    is_list_type,
    is_named_type,
)
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from typing_extensions import override

from gql.limits.introspection import Planner, RequestedField, info_of, type_of_introspection
from gql.limits.structure import INTROSPECTION

#: How long describing may hold the event loop before it yields.
_SLICE_SECONDS = 0.004
#: Descriptions of the schema that take less than this are not worth keeping.
_LEAST_KEPT_BYTES = 20_000
_MOST_KEPT_BYTES = 8_000_000


class Descriptions:
    """A cache of descriptions of the schema as JSON, by their requested fields."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[RequestedField, ...], bytes] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, plan: tuple[RequestedField, ...]) -> bytes | None:
        """Return the cached answer; None where there is none."""
        kept = self._kept.get(plan)
        if kept is not None:
            self._kept.move_to_end(plan)
        return kept

    def keep(self, plan: tuple[RequestedField, ...], answer: bytes) -> None:
        """Cache an answer, evicting the oldest ones beyond the bound."""
        if plan in self._kept or len(answer) < _LEAST_KEPT_BYTES:
            return
        self._kept[plan] = answer
        self._bytes += len(answer)
        while self._bytes > _MOST_KEPT_BYTES:
            _, evicted = self._kept.popitem(last=False)
            self._bytes -= len(evicted)


class DescribingExecutor(StrawberryGraphQLCoreExecutionContext):
    """The library's execution with its own resolution of `__schema` and `__type`.

    The library holds the event loop for 40 milliseconds to describe the whole schema. Here `__schema` is cached JSON.
    """

    descriptions: ClassVar[Descriptions]

    @override
    def execute_root_grouped_field_set(
        self, root_type: Any, root_value: Any, grouped_field_set: Any, serially: Any, position_context: Any
    ) -> Any:
        def execute(fields: Any) -> Any:
            return super(DescribingExecutor, self).execute_root_grouped_field_set(
                root_type, root_value, fields, serially, position_context
            )

        if not any(details[0].node.name.value in INTROSPECTION for details in grouped_field_set.values()):
            return execute(grouped_field_set)
        return self._execute_both(root_type, grouped_field_set, execute)

    async def _execute_both(
        self, root_type: GraphQLObjectType, fields: Any, execute: Callable[[Any], Any]
    ) -> dict[str, Any]:
        nodes = {key: [detail.node for detail in details] for key, details in fields.items()}
        described = {key: same for key, same in nodes.items() if same[0].name.value in INTROSPECTION}
        data = execute({key: details for key, details in fields.items() if key not in described})
        if isinstance(data, Awaitable):
            data = await data
        for key, same in described.items():
            data[key] = await self._described(root_type, key, same, fields[key])
        return {key: data[key] for key in fields if key in data}

    async def _described(self, root_type: GraphQLObjectType, key: str, nodes: Sequence[FieldNode], details: Any) -> Any:
        field = self.schema.get_field(root_type, nodes[0].name.value)
        assert field is not None
        try:
            arguments = get_argument_values(field, nodes[0], self.variable_values)
        except Exception as error:  # noqa: BLE001 - the library handles it
            self.handle_field_error(error, field.type, details, Path(None, key, root_type.name))
            return None
        planner = Planner(self.fragment_definitions, self.variable_values.coerced)
        if "name" in arguments:
            found = self.schema.get_type(arguments["name"])
            plan = planner.plan(nodes, type_of_introspection("__Type"))
            return None if found is None else await _answer(plan, found, info_of(self.schema))
        plan = planner.plan(nodes, type_of_introspection("__Schema"))
        kept = self.descriptions.find(plan)
        if kept is None:
            kept = orjson.dumps(await _answer(plan, self.schema, info_of(self.schema)))
            self.descriptions.keep(plan, kept)
        return orjson.Fragment(kept)


@dataclass(frozen=True, slots=True)
class _Step:
    """A field to resolve, with everything looked up that is the same for all of its sources."""

    key: str
    resolve: Callable[..., Any]
    arguments: dict[str, bool]
    is_list: bool
    #: None for a leaf; empty where all of its fields are skipped.
    inner: tuple["_Step", ...] | None


def _steps(plan: Sequence[RequestedField]) -> tuple[_Step, ...]:
    return tuple(_step(requested) for requested in plan)


def _step(requested: RequestedField) -> _Step:
    field = type_of_introspection(requested.on).fields.get(requested.name)
    if field is None:  # validation lets no other unknown name through
        assert requested.name == "__typename"
        return _Step(requested.key, lambda *_: requested.on, {}, is_list=False, inner=None)
    assert field.resolve is not None
    is_list = is_list_type(get_nullable_type(field.type))
    inner = _steps(requested.inner) if is_composite_type(get_named_type(field.type)) else None
    resolve = _is_one_of if requested.name == "isOneOf" else field.resolve
    return _Step(requested.key, resolve, requested.arguments, is_list=is_list, inner=inner)


def _is_one_of(source: Any, info: Any) -> bool | None:
    """Return Strawberry's answer for named types; it has none for lists and non-null types."""
    if not is_named_type(source):
        return None
    resolve = type_of_introspection("__Type").fields["isOneOf"].resolve
    assert resolve is not None
    return bool(resolve(source, info))


async def _answer(plan: Sequence[RequestedField], source: Any, info: Any) -> dict[str, Any]:
    """Return the description of a source, yielding to the event loop between the members of its lists."""
    answer: dict[str, Any] = {}
    slice_ends = time.perf_counter() + _SLICE_SECONDS
    for step in _steps(plan):
        if step.inner is None or not step.is_list:
            answer[step.key] = _value(step, source, info)
            continue
        found = step.resolve(source, info, **step.arguments)
        members: list[Any] = []
        for each in found or ():
            members.append(_described(step.inner, each, info))
            if time.perf_counter() > slice_ends:
                await asyncio.sleep(0)
                slice_ends = time.perf_counter() + _SLICE_SECONDS
        answer[step.key] = None if found is None else members
    return answer


def _described(steps: Sequence[_Step], source: Any, info: Any) -> dict[str, Any]:
    return {step.key: _value(step, source, info) for step in steps}


def _value(step: _Step, source: Any, info: Any) -> Any:
    value = step.resolve(source, info, **step.arguments)
    if value is None:
        return None
    inner = step.inner
    if step.is_list:
        return [_leaf(each) if inner is None else _described(inner, each, info) for each in value]
    return _leaf(value) if inner is None else _described(inner, value, info)


def _leaf(value: Any) -> Any:
    return value.name if isinstance(value, Enum) else value
