"""Random valid queries, made from the schema itself: fragments, aliases, directives, variables, both ways of paging."""

import json
import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_list_type,
    is_non_null_type,
    is_required_argument,
    is_required_input_field,
)

_LOG = ("incidentEvents", "incidentChanges")
#: Most of what is asked is about these; everything else takes its turn now and then.
_AUTOMATIONS = ("automation", "automations", "automationRun", "automationRuns", "automationRuns")
_USUAL = (
    *("incident", "incidents", "incident", "incidents", "system", "systems", "node", "nodes", *_LOG, "__typename"),
    *_AUTOMATIONS,
    *("viewer", "tokens", "secrets"),
    *("integration", "integrations", "integrationDeliveries", "channel", "channels"),
    *("webhook", "webhooks", "webhookDeliveries"),
    *("maintenance", "maintenances"),
)
#: These run for long, answer another way each time, or are computed on both paths by the same code.
_LEFT_OUT = {
    *("dryRunAutomation", "explain", "rateLimit"),
    *("incidentCounts", "incidentMetrics", "healthHistory", "uptime", "people", "person", "markdown"),
    "maintenanceTimes",
}
_DEEPEST = 5
#: Most objects that are asked for by any id are of these types.
_NODES = (
    *("Incident", "Incident", "System", "IncidentUpdate", "IncidentLink", "ApiToken"),
    *("Automation", "AutomationRun", "Artifact"),
)
_MOST_FIELDS = 4


@dataclass(slots=True)
class Query:
    """A document with the values of its variables."""

    text: str = ""
    variables: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Values for arguments, which the data has."""

    ids: Sequence[str]
    moments: Sequence[str]
    texts: Sequence[str]
    #: Keys of labels.
    labels: Sequence[str]
    #: Groups of automations.
    groups: Sequence[str]
    #: By the name of the field that takes them, with a colon and the order where there is more than one.
    cursors: Mapping[str, Sequence[str]]
    #: By the name of the field, or of its type and the field: the field to order by, a colon and the direction; the
    #: usual one first, and often.
    orders: Mapping[str, Sequence[str]]


class QueryMaker:
    """A maker of queries that are valid but for some values, which the server then has to refuse."""

    def __init__(self, schema: GraphQLSchema, chance: random.Random, known: Known) -> None:
        self._schema = schema
        self._chance = chance
        self._known = known
        #: The order of the connection whose arguments are being made.
        self._order = ""
        self._definitions: dict[str, str] = {}
        self._fragments: list[str] = []
        self._variables: dict[str, Any] = {}
        self._keys = 0

    def make(self) -> Query:
        """Make the next query."""
        assert self._schema.query_type is not None
        self._forget()
        return self._of("query", self._selection(self._schema.query_type, 0))

    def make_events(self, field: str) -> Query:
        """Make the next subscription to events of the log by that field, which takes no arguments here."""
        assert self._schema.subscription_type is not None
        self._forget()
        on = get_named_type(self._schema.subscription_type.fields[field].type)
        return self._of("subscription", f"{{ {field} {self._selection(on, 2)} }}")

    def _forget(self) -> None:
        self._definitions, self._fragments, self._variables, self._keys = {}, [], {}, 0

    def _of(self, kind: str, selection: str) -> Query:
        listed = ", ".join(f"${name}: {each}" for name, each in self._definitions.items())
        named = f"{kind} Made" if kind != "query" or self._chance.random() < 0.5 else ""
        head = f"{kind} Made({listed})" if listed else named
        return Query(" ".join([f"{head} {selection}", *self._fragments]), self._variables)

    def _selection(self, on: GraphQLNamedType, depth: int) -> str:
        chosen = [self._one(on, depth) for _ in range(self._chance.randint(1, _MOST_FIELDS))]
        return "{ " + " ".join(chosen) + " }"

    def _one(self, on: GraphQLNamedType, depth: int) -> str:
        share = (0.8 if depth == 1 else 0) if isinstance(on, GraphQLInterfaceType) else 0.15
        if self._chance.random() < share and on is not self._schema.query_type:
            return self._fragment(on, depth)
        name = self._name_of_field(on)
        return "__typename" if name == "__typename" else self._field(on, name, depth)

    def _name_of_field(self, on: GraphQLNamedType) -> str:
        assert isinstance(on, GraphQLObjectType | GraphQLInterfaceType)
        if on is self._schema.query_type and self._chance.random() < 0.97:
            return self._chance.choice(_USUAL)
        names = sorted(set(on.fields) - _LEFT_OUT)
        if on.name.endswith("Connection"):
            names = ["nodes", "edges", "pageInfo"] * 4 + names
        if on.name in _RARE:
            names = [name for name in names if name not in _RARE[on.name]] * 30 + names
        return str(self._chance.choice([*names, "__typename"]))

    def _field(self, on: Any, name: str, depth: int) -> str:
        found = on.fields[name]
        kind = get_named_type(found.type)
        is_leaf = not isinstance(kind, GraphQLObjectType | GraphQLInterfaceType)
        if not is_leaf and depth >= _DEEPEST:
            return "__typename"
        own = f"{on.name}_{name}"
        arguments = self._arguments(found.args, own if own in self._known.orders else name)
        # A key of its own for whatever may differ: under one key, all has to be the same all the way down.
        self._keys += 1
        key = name if is_leaf and not arguments and self._chance.random() < 0.8 else f"k{self._keys}"
        inner = "" if is_leaf else self._selection(kind, depth + 1)
        text = f"{'' if key == name else key + ': '}{name}{arguments}{self._directive()} {inner}"
        if inner and self._chance.random() < 0.15:
            # The same once more, with something else in it: the two are merged.
            text += f" {key}: {name}{arguments} {{ merged: __typename }}"
        return text

    def _fragment(self, on: GraphQLNamedType, depth: int) -> str:
        conditions = [on.name, *(each.name for each in getattr(on, "interfaces", ()))]
        if isinstance(on, GraphQLInterfaceType):
            # Of one type each time: equal keys of several types often contradict each other.
            conditions = [_NODES[self._keys % len(_NODES)]]
        condition = self._schema.type_map[self._chance.choice(conditions)]
        selection = self._selection(condition, depth)
        if self._chance.random() < 0.5:
            return f"... on {condition.name}{self._directive()} {selection}"
        name = f"F{len(self._fragments)}"
        self._fragments.append(f"fragment {name} on {condition.name} {selection}")
        return f"...{name}{self._directive()}"

    def _directive(self) -> str:
        if self._chance.random() > 0.1:
            return ""
        value = self._chance.random() < 0.5
        given = self._variable("Boolean!", value) if self._chance.random() < 0.5 else json.dumps(value)
        return f" @{self._chance.choice(('include', 'skip'))}(if: {given})"

    def _arguments(self, arguments: Mapping[str, GraphQLArgument], field: str) -> str:
        given: list[str] = []
        backward = self._chance.random() < 0.3
        orders = self._known.orders.get(field)
        self._order = self._chance.choice(orders) if orders and "orderBy" in arguments else ""
        for name, argument in arguments.items():
            unusual = name in ("first", "after") if backward else name in ("last", "before")
            wanted = is_required_argument(argument) or self._chance.random() < (0.01 if unusual else 0.4)
            if name in ("id", "number", "key") and len(arguments) == 2:
                wanted = (name == "id") is backward or self._chance.random() < 0.02
            if wanted or (name == "orderBy" and self._order != _usual(orders)):
                given.append(f"{name}: {self._value(f'{field}.{name}', argument.type)}")
        return f"({', '.join(given)})" if given else ""

    def _value(self, name: str, kind: Any) -> str:
        value = self._plain(name, kind)
        if self._chance.random() < 0.5 or isinstance(value, _Literal):
            return _literal(value)
        if not is_non_null_type(kind) and self._chance.random() < 0.15:
            return self._variable(f"{kind} = {_literal(value)}", ...)
        return self._variable(str(kind), value)

    def _variable(self, kind: str, value: Any) -> str:
        name = f"v{len(self._definitions)}"
        self._definitions[name] = kind
        if value is not ...:
            self._variables[name] = value
        return f"${name}"

    def _plain(self, name: str, kind: Any) -> Any:
        named = get_named_type(kind)
        if not is_non_null_type(kind) and self._chance.random() < 0.05:
            return None
        if is_list_type(kind.of_type if is_non_null_type(kind) else kind):
            return [self._single(name, named) for _ in range(self._chance.randint(0, 3))]
        return self._single(name, named)

    def _single(self, name: str, named: GraphQLNamedType) -> Any:
        if isinstance(named, GraphQLEnumType):
            return _Literal(self._chance.choice(sorted(named.values)))
        if isinstance(named, GraphQLInputObjectType):
            return self._object(named, name)
        if named.name == "Int":
            return self._chance.choice((1, 2, 3, 4, 5, 7) if self._chance.random() < 0.97 else (-1, 0, 60, 101))
        if named.name == "Boolean":
            return self._chance.random() < 0.5
        field, _, argument = name.partition(".")
        if argument in {"after", "before"}:
            return self._cursor(field)
        return self._chance.choice(self._values_of(name, named))

    def _values_of(self, name: str, named: GraphQLNamedType) -> Sequence[str]:
        if named.name == "DateTime":
            return self._known.moments
        if name.endswith("label.key"):
            return self._known.labels
        if name.endswith(("system.in", ".key")):
            # Ids of systems, and their keys.
            return [known for known in self._known.ids if known.startswith("sys")]
        if name.endswith(".group"):
            return self._known.groups
        known = self._known.texts if name.endswith((".text", "label.eq", "label.in")) else self._known.ids
        prefix = _PREFIXES.get(name)
        if prefix is None or self._chance.random() < 0.1:
            return known
        return [each for each in known if each.startswith(prefix)] or known

    def _cursor(self, field: str) -> str:
        known = self._known.cursors.get(f"{field}:{self._order}" if self._order else field)
        return self._chance.choice(known) if known and self._chance.random() < 0.95 else "junk"

    def _object(self, named: GraphQLInputObjectType, name: str) -> Any:
        if named.name.endswith("Order") and self._order:
            return _order_of(re.findall(r"\w+", self._order.upper()))
        given: dict[str, Any] = {}
        for member, declared in named.fields.items():
            share = _SHARES.get(member, 1.5) / len(named.fields) / name.count(".")
            if is_required_input_field(declared) or self._chance.random() < share:
                given[member] = self._plain(f"{name}.{member}", declared.type)
        return given


#: How many of an input's fields are given on average, where it is not one and a half.
_SHARES = {"includeResolved": 9.0, "openedBy": 0.2, "text": 0.5}
#: What only the generic path resolves.
_RARE = {"Viewer": {"systems"}}
#: How the ids begin that arguments of these names mostly have.
_PREFIXES = {
    "automation.id": "aut_",
    "automationRun.id": "run_",
    "automationRuns.automationId": "aut_",
    "incident.id": "inc_",
}


class _Literal(str):
    """A text that is a literal of GraphQL as it stands: no value that JSON has."""

    __slots__ = ()


def _order_of(parts: Sequence[str]) -> Any:
    field, direction, *then = map(_Literal, parts)
    given: dict[str, Any] = {"field": field, "direction": direction}
    return given | ({"thenBy": _order_of(then)} if then else {})


def _usual(orders: Sequence[str] | None) -> str:
    return orders[0] if orders else ""


def _literal(value: Any) -> str:
    if isinstance(value, _Literal):
        return str(value)
    if isinstance(value, list):
        return f"[{', '.join(map(_literal, value))}]"
    if isinstance(value, dict):
        return f"{{{', '.join(f'{name}: {_literal(each)}' for name, each in value.items())}}}"
    return json.dumps(value, ensure_ascii=False)
