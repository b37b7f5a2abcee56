"""Answers introspection: in turns with whatever else there is to do, and from memory what all tools ask alike."""

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

#: How long describing may hold the event loop before others get a turn.
_TURN_SECONDS = 0.004
#: Descriptions of the schema that take less than this are not worth keeping.
_LEAST_KEPT_BYTES = 20_000
_MOST_KEPT_BYTES = 8_000_000


class Descriptions:
    """What was said of a schema last, as JSON, by what was asked."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[RequestedField, ...], bytes] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._kept)

    def find(self, plan: tuple[RequestedField, ...]) -> bytes | None:
        """The answer; None where it has to be made."""
        kept = self._kept.get(plan)
        if kept is not None:
            self._kept.move_to_end(plan)
        return kept

    def keep(self, plan: tuple[RequestedField, ...], answer: bytes) -> None:
        """Have it ready the next time."""
        if plan in self._kept or len(answer) < _LEAST_KEPT_BYTES:
            return
        self._kept[plan] = answer
        self._bytes += len(answer)
        while self._bytes > _MOST_KEPT_BYTES:
            _, forgotten = self._kept.popitem(last=False)
            self._bytes -= len(forgotten)


class DescribingExecutor(StrawberryGraphQLCoreExecutionContext):
    """Executes as the library does, but for `__schema` and `__type`.

    The library takes 40 milliseconds for the whole schema, in one go. Here `__schema` comes as JSON that is done.
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
        except Exception as error:  # noqa: BLE001 - the library decides what becomes of it
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
    """A field to resolve, with all looked up that is the same for every thing that has it."""

    key: str
    resolve: Callable[..., Any]
    arguments: dict[str, bool]
    is_list: bool
    #: None for what has no fields; there are none, too, where all of them are skipped.
    inner: tuple["_Step", ...] | None


def _steps(plan: Sequence[RequestedField]) -> tuple[_Step, ...]:
    return tuple(_step(asked) for asked in plan)


def _step(asked: RequestedField) -> _Step:
    field = type_of_introspection(asked.on).fields.get(asked.name)
    if field is None:  # validation has left nothing else
        assert asked.name == "__typename"
        return _Step(asked.key, lambda *_: asked.on, {}, is_list=False, inner=None)
    assert field.resolve is not None
    is_list = is_list_type(get_nullable_type(field.type))
    inner = _steps(asked.inner) if is_composite_type(get_named_type(field.type)) else None
    resolve = _is_one_of if asked.name == "isOneOf" else field.resolve
    return _Step(asked.key, resolve, asked.arguments, is_list=is_list, inner=inner)


def _is_one_of(source: Any, info: Any) -> bool | None:
    """Strawberry's own answer, which it does not have for lists and for what is not null."""
    if not is_named_type(source):
        return None
    resolve = type_of_introspection("__Type").fields["isOneOf"].resolve
    assert resolve is not None
    return bool(resolve(source, info))


async def _answer(plan: Sequence[RequestedField], source: Any, info: Any) -> dict[str, Any]:
    """All that is asked of a thing; between the members of its lists, others have their turn."""
    answer: dict[str, Any] = {}
    turn_ends = time.perf_counter() + _TURN_SECONDS
    for step in _steps(plan):
        if step.inner is None or not step.is_list:
            answer[step.key] = _value(step, source, info)
            continue
        found = step.resolve(source, info, **step.arguments)
        members: list[Any] = []
        for each in found or ():
            members.append(_described(step.inner, each, info))
            if time.perf_counter() > turn_ends:
                await asyncio.sleep(0)
                turn_ends = time.perf_counter() + _TURN_SECONDS
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
