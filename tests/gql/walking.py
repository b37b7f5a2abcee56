"""Queries that ask for every field of the schema beneath a list, each of the object types once."""

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    get_nullable_type,
    is_leaf_type,
    is_list_type,
    is_object_type,
    is_required_argument,
)

#: How many items root lists show, and those within others.
MOST, WITHIN = 100, 3


@dataclass(frozen=True, slots=True)
class Place:
    """An object type beneath a list: the fields that lead to it, and how each is called."""

    type: GraphQLObjectType
    names: tuple[str, ...] = ()
    calls: tuple[str, ...] = ()
    is_pushed: bool = False

    @property
    def is_message(self) -> bool:
        """Return whether it is the one message of a subscription."""
        return self.is_pushed and len(self.names) == 1

    def document(self, selections: Sequence[str]) -> str:
        """Return the query for these selections of all objects of this place."""
        text = " ".join(selections)
        for call in reversed(self.calls):
            text = f"{call} {{ {text} }}"
        return f"{'subscription ' if self.is_pushed else ''}{{ {text} }}"

    def objects(self, data: Any) -> list[Mapping[str, Any]]:
        """Return all objects of this place in an answer."""
        found = [data]
        for name in self.names:
            found = [item for each in found for item in _items(each[name])]
        return found


class Walk:
    """A walk over a schema; `arguments` are those that fields need, by `Type.field`.

    It begins at the lists of the query, at live ones, and at the subscriptions that have arguments here.
    """

    def __init__(self, schema: GraphQLSchema, arguments: Mapping[str, str]) -> None:
        self._schema = schema
        self._arguments = arguments

    def places(self) -> list[Place]:
        """Return the nearest place of every object type that a list leads to."""
        query, subscription = self._schema.query_type, self._schema.subscription_type
        assert query is not None
        assert subscription is not None
        waiting = deque(self._beneath(Place(query), names=self._lists(query)))
        pushed = [
            name
            for name, field in subscription.fields.items()
            if "first" in field.args or f"Subscription.{name}" in self._arguments
        ]
        waiting.extend(self._beneath(Place(subscription, is_pushed=True), names=pushed))
        found: dict[str, Place] = {}
        while waiting:
            place = waiting.popleft()
            if place.type.name not in found:
                found[place.type.name] = place
                waiting.extend(self._beneath(place, names=list(place.type.fields)))
        return list(found.values())

    def selections(self, type: GraphQLObjectType) -> dict[str, str]:
        """Return for each field of a type what asks for it with all plain fields of its objects."""
        found = {}
        for name, field in type.fields.items():
            call, inner = self._call(type, name, WITHIN), get_named_type(field.type)
            found[name] = call if is_leaf_type(inner) else f"{call} {{ {self._plain(inner)} }}"
        return found

    def _lists(self, query: GraphQLObjectType) -> list[str]:
        return [name for name, field in query.fields.items() if _is_list(field) or _is_page(get_named_type(field.type))]

    def _beneath(self, place: Place, *, names: Sequence[str]) -> Iterator[Place]:
        for name in names:
            inner = get_named_type(place.type.fields[name].type)
            if not is_object_type(inner):
                continue
            call = self._call(place.type, name, WITHIN if place.names else MOST)
            more_names, more_calls = (*place.names, name), (*place.calls, call)
            if _is_page(inner):
                inner = get_named_type(inner.fields["nodes"].type)
                more_names, more_calls = (*more_names, "nodes"), (*more_calls, "nodes")
            yield Place(inner, more_names, more_calls, place.is_pushed)

    def _call(self, type: GraphQLObjectType, name: str, size: int) -> str:
        given = self._arguments.get(f"{type.name}.{name}", "")
        field = type.fields[name]
        needed = [each for each, argument in field.args.items() if is_required_argument(argument)]
        assert given or not needed, f"no test says which {needed} to ask {type.name}.{name} for"
        if "first" in field.args and "first" not in given:
            given = f"first: {size} {given}"
        return f"{name}({given})" if given else name

    def _plain(self, type: Any) -> str:
        """Return the fields without arguments and parts of their own, of a page those of its items."""
        if _is_page(type):
            inner = self._plain(get_named_type(type.fields["nodes"].type))
            return f"totalCount pageInfo {{ hasNextPage }} nodes {{ {inner} }}"
        return " ".join(name for name, field in type.fields.items() if _is_plain(field))


def is_empty(value: Any) -> bool:
    """Return whether a field has nothing to show: a page without items has a count and no more."""
    return value in (None, []) or (isinstance(value, dict) and value.get("nodes") == [])


def _is_page(type: Any) -> bool:
    return is_object_type(type) and "nodes" in type.fields


def _is_plain(field: GraphQLField) -> bool:
    return bool(is_leaf_type(get_named_type(field.type))) and not field.args


def _is_list(field: GraphQLField) -> bool:
    return is_list_type(get_nullable_type(field.type))


def _items(value: Any) -> list[Any]:
    if value is None:
        return []
    return [item for item in value if item is not None] if isinstance(value, list) else [value]
