"""Hostile documents and variables, each with the code of its refusal."""

import json
from typing import Any

_LEAF = "fragment F{n} on Query {{ viewer {{ role }} }}"


def _chain(length: int, link: str, last: str, *, start: str = "{ ...F0 } ") -> str:
    links = "".join(link.format(n=number, next=number + 1) for number in range(length))
    return start + links + last.format(n=length)


def _nested(levels: int, opening: str, closing: str, inside: str = "") -> str:
    return opening * levels + inside + closing * levels


_FIELDS = [
    *("id", "number", "reference", "title", "description", "status", "severity", "suppressNotifications"),
    *("healthOverride", "version", "createdAt", "updatedAt", "resolvedAt", "timeToResolveSeconds", "__typename"),
]


def _each(count: int, text: str) -> str:
    return " ".join(text.replace("#", str(number)) for number in range(count))


def _wide(count: int, fields: str) -> str:
    """Return the fields with a filter of that many parts."""
    return f"query($f: IncidentFilter = {{ and: [{_each(count, '{ not: { open: true } }')}] }}) {{ {fields} }}"


def _fragments(count: int) -> str:
    """Return that many different fragments of an incident at one place."""
    fields = [_FIELDS[number % len(_FIELDS)] for number in range(count)]
    parts = [f"fragment F{number} on Incident {{ {field} }}" for number, field in enumerate(fields)]
    return f"{{ incident(number: 1) {{ {_each(count, '...F#')} }} }} {' '.join(parts)}"


DOCUMENTS: dict[str, tuple[str, str]] = {
    "2^22 ways through fragments": (
        _chain(22, "fragment F{n} on Query {{ ...F{next} ...F{next} }} ", _LEAF),
        "COST_LIMIT",
    ),
    "2^22 ways through fields": (
        _chain(
            22,
            "fragment F{n} on System {{ openIncidents {{ nodes {{ systems {{ ...F{next} ...F{next} }} }} }} }} ",
            "fragment F{n} on System {{ id }}",
            start="{ systems { nodes { ...F0 } } } ",
        ),
        "DEPTH_LIMIT",
    ),
    "a fragment within itself": (
        "{ ...A } fragment A on Query { ...B } fragment B on Query { ...A viewer { role } }",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "a fragment within its own fields": (
        "{ systems { nodes { ...B } } } fragment B on System { incidents { nodes { systems { ...B } } } }",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "a long chain of fragments": (_chain(200, "fragment F{n} on Query {{ ...F{next} }} ", _LEAF), "DEPTH_LIMIT"),
    "an unknown fragment": ("{ ...Nope }", "GRAPHQL_VALIDATION_FAILED"),
    "10,000 aliases": ("{" + " ".join(f"a{n}: __typename" for n in range(10_000)) + "}", "TOKEN_LIMIT"),
    "500 aliases": ("{" + " ".join(f"a{n}: __typename" for n in range(500)) + "}", "ALIAS_LIMIT"),
    "3,000 directives": ("{ viewer { role " + "@skip(if: true) " * 3_000 + "} }", "TOKEN_LIMIT"),
    "900 unknown directives": ("{ viewer { role " + "@x " * 900 + "} }", "DIRECTIVE_LIMIT"),
    "directives on variables": ("query(" + "$a: Int " + "@x " * 60 + ") { viewer { role } }", "DIRECTIVE_LIMIT"),
    "a field over and over": ("{ viewer {" + "role " * 1_900 + "} }", "COST_LIMIT"),
    "an object over and over": ("{" + "viewer { role }" * 480 + "}", "COST_LIMIT"),
    "many fragments of one field": (
        "{" + " ".join(f"...F{n}" for n in range(150)) + "}" + "".join(_LEAF.format(n=n) + " " for n in range(150)),
        "COST_LIMIT",
    ),
    "misspelt fields": ("{" + " ".join(f"incidentz{n}" for n in range(1_900)) + "}", "GRAPHQL_VALIDATION_FAILED"),
    "deep fields": (_nested(20, "{ incidents { nodes { systems ", " } } }", "{ id }"), "DEPTH_LIMIT"),
    "fields without end": ("{ a " * 900 + "}" * 900, "GRAPHQL_PARSE_FAILED"),
    "deep literal": (
        "{ incidents(filter: " + _nested(60, "{ and: [", "] }") + ") { totalCount } }",
        "DEPTH_LIMIT",
    ),
    "lists without end": (
        "{ incidents(filter: { and: " + _nested(900, "[", "]") + "}) { totalCount } }",
        "GRAPHQL_PARSE_FAILED",
    ),
    "misspelt fields of a large type": (
        f"mutation {{ {_each(900, 'setAutomationEnabledX#')} }}",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "long misspelt fields": (f"{{ {_each(1_200, 'incident' + 'x' * 20 + '#')} }}", "GRAPHQL_VALIDATION_FAILED"),
    "a name of 49,000 characters": ("{" + "a" * 49_000 + "}", "GRAPHQL_VALIDATION_FAILED"),
    "misspelt types": (
        f"query({_each(480, '$a#: EditIncidentUpdateInpu#')}) {{ viewer {{ role }} }}",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "misspelt arguments": (f"{{ incidents({_each(600, 'firzt#: 1')}) {{ totalCount }} }}", "GRAPHQL_VALIDATION_FAILED"),
    "misspelt input fields": (
        f"{{ incidents(filter: {{ {_each(600, 'statuss#: 1')} }}) {{ totalCount }} }}",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "long misspelt input fields": (
        f"mutation {{ createIncident(input: {{ {_each(600, 'suppress' + 'X' * 53 + '#: 1')} }}) {{ cursor }} }}",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "misspelt values": (
        f"{{ incidents(filter: {{ status: {{ in: [{_each(1_900, 'RESOLVEDX#')}] }} }}) {{ totalCount }} }}",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "one argument over and over": (
        f"{{ incidents({_each(600, 'first: 1')}) {{ totalCount }} }}",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "a default value with unknown fields": (
        f"query($f: IncidentFilter = {{ {_each(600, 'openx#: 1')} }}) {{ incidents(filter: $f) {{ totalCount }} }}",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "a number of 49,000 digits": ("{ incident(number: " + "9" * 49_000 + ") { id } }", "GRAPHQL_VALIDATION_FAILED"),
    "many different fragments": (_fragments(210), "COST_LIMIT"),
    "different fragments, as many as may be": (_fragments(76), "COST_LIMIT"),
    "many operations": (_each(330, "query Q# { __typename }"), "OPERATION_RESOLUTION_FAILURE"),
    "many operations with variables": (
        _each(90, "query Q#($a: ID!) { node(id: $a) { id } }"),
        "OPERATION_RESOLUTION_FAILURE",
    ),
    "many fragments that nobody uses": (
        f"{{ viewer {{ role }} }} {_each(270, 'fragment F# on Viewer { role }')}",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "many variables that nobody uses": (
        f"query({_each(480, '$a#: Int')}) {{ viewer {{ role }} }}",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "many variables that nobody declared": (
        f"{{ nodes(ids: [{_each(950, '$a#')}]) {{ id }} }}",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "definitions of types": ("{ viewer { role } }" + _each(200, "type A# { a: Int }"), "GRAPHQL_VALIDATION_FAILED"),
    "99 full pages": (
        f"{{ {_each(99, 'a#: incidents(first: 100) { totalCount nodes { id number } }')} }}",
        "COST_LIMIT",
    ),
    "a wide filter on full pages": (
        _wide(90, _each(50, "a#: incidents(filter: $f, first: 100) { nodes { id systems { id } } }")),
        "COST_LIMIT",
    ),
    "deep introspection": (
        "{ __schema { types { fields { type { fields { type { fields { name } } } } } } } }",
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "introspection over and over": (
        "{" + " ".join(f"a{n}: __schema {{ types {{ fields {{ type {{ name }} }} }} }}" for n in range(90)) + "}",
        "COST_LIMIT",
    ),
    "everything of everything": (
        "{ incidents(first: 100) { nodes { updates(first: 100) { nodes { id } } links { nodes { id } } } } }",
        "COST_LIMIT",
    ),
    "NaN": ("{ incidents(first: NaN) { totalCount } }", "GRAPHQL_VALIDATION_FAILED"),
    "binary": ("\x00\x01\x02", "GRAPHQL_PARSE_FAILED"),
}

#: What describes the schema at length, by how often it is asked: all of this passes, up to a bound.
INTROSPECTIONS: dict[str, str] = {
    "types with their fields": "a#: __schema { types { name fields { name type { name } } } }",
    "types with all they have": (
        "a#: __schema { types { name kind description fields(includeDeprecated: true) { name description args "
        "{ name description defaultValue type { name kind ofType { name kind ofType { name } } } } } "
        "inputFields { name defaultValue } enumValues { name description isDeprecated deprecationReason } } }"
    ),
    "types of fields of types": "a#: __schema { types { fields { type { fields { name type { name } } } } } }",
    "one type": 'a#: __type(name: "Incident") { fields { name args { name } type { name ofType { name } } } }',
    "fields of one type's fields": 'a#: __type(name: "Mutation") { fields { type { fields { name isDeprecated } } } }',
    "what implements what": "a#: __schema { types { possibleTypes { name fields { name } } interfaces { name } } }",
    "types within types": (
        "a#: __schema { types { fields { type { kind ofType { kind ofType { kind ofType { kind name } } } } } } }"
    ),
    "types within types, each time by other names": (
        "a#: __schema { types { b#: fields { type { kind ofType { kind ofType { kind ofType { kind name } } } } } } }"
    ),
    "directives": "a#: __schema { directives { name locations args { name type { name ofType { name } } } } }",
    "one field many times": "a#: __schema { types { a: name b: name c: name d: name e: name f: name g: name } }",
}

IDS = "query($ids: [ID!]!) { nodes(ids: $ids) { id } }"
FILTER = "query($filter: IncidentFilter) { incidents(filter: $filter) { totalCount } }"


def _deep(levels: int) -> dict[str, Any]:
    tree: dict[str, Any] = {}
    for _ in range(levels):
        tree = {"and": [tree]}
    return tree


VARIABLES: dict[str, tuple[str, dict[str, Any], str]] = {
    "100,000 ids": (IDS, {"ids": ["x"] * 100_000}, "BAD_USER_INPUT"),
    "ids of a wrong type": (IDS, {"ids": {"a": 1}}, "GRAPHQL_VALIDATION_FAILED"),
    "a variable nobody asked for": ("{ viewer { role } }", {"x": [0] * 100_000}, "BAD_USER_INPUT"),
    "a deep filter": (FILTER, {"filter": _deep(100)}, "DEPTH_LIMIT"),
    "4,900 unknown fields": (
        FILTER,
        {"filter": {f"createdAtX{number}": 1 for number in range(4_900)}},
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "4,900 unknown fields of an input": (
        "mutation($input: CreateIncidentInput!) { createIncident(input: $input) { cursor } }",
        {"input": {f"suppressNotificationX{number}": 1 for number in range(4_900)}},
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "4,900 wrong values": (
        FILTER,
        {"filter": {"status": {"in": [f"INVESTIGATINX{number}" for number in range(4_900)]}}},
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "a field with a name of 900,000 characters": (
        FILTER,
        {"filter": {"x" * 900_000: 1}},
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "a value of 900,000 characters": (
        FILTER,
        {"filter": {"status": {"eq": "S" * 900_000}}},
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "digits for a number": (
        "query($n: Int) { incident(number: $n) { id } }",
        {"n": "9" * 900_000},
        "GRAPHQL_VALIDATION_FAILED",
    ),
    "a subscription with unknown fields": (
        "subscription($filter: IncidentEventFilter) { incidentEvents(filter: $filter) { cursor } }",
        {"filter": {f"severityX{number}": 1 for number in range(4_900)}},
        "GRAPHQL_VALIDATION_FAILED",
    ),
}

BODIES: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", "BAD_USER_INPUT"),
    "null": (b"null", "BAD_USER_INPUT"),
    "a number": (b"1", "BAD_USER_INPUT"),
    "a string": (b'"{ viewer { role } }"', "BAD_USER_INPUT"),
    "an array": (b"[]", "BAD_USER_INPUT"),
    "an array of garbage": (b"[1, null]", "BAD_USER_INPUT"),
    "garbage": (bytes(range(256)) * 100, "BAD_USER_INPUT"),
    "NaN": (b'{"query": "{ viewer { role } }", "variables": {"a": NaN}}', "BAD_USER_INPUT"),
    "half a surrogate in no JSON": (b'{"query": "\\ud800",}', "BAD_USER_INPUT"),
    "deep JSON": (
        b'{"query": "{ viewer { role } }", "variables": {"a": ' + b"[" * 200_000 + b"]" * 200_000 + b"}}",
        "BAD_USER_INPUT",
    ),
    "deep JSON that still parses": (
        b'{"query": "{ viewer { role } }", "variables": {"a": ' + b"[" * 500 + b"]" * 500 + b"}}",
        "DEPTH_LIMIT",
    ),
    "a long string": (json.dumps({"query": '{ node(id: "' + "a" * 900_000 + '") { id } }'}).encode(), "TOKEN_LIMIT"),
    "a long comment": (json.dumps({"query": "#" + "a" * 900_000}).encode(), "TOKEN_LIMIT"),
    "spaces": (json.dumps({"query": " " * 900_000}).encode(), "TOKEN_LIMIT"),
    "a number as query": (b'{"query": 1}', "BAD_USER_INPUT"),
    "a list as variables": (b'{"query": "{ viewer { role } }", "variables": []}', "BAD_USER_INPUT"),
    "a string as extensions": (b'{"query": "{ viewer { role } }", "extensions": "x"}', "BAD_USER_INPUT"),
    "an object as operationName": (b'{"query": "{ viewer { role } }", "operationName": {}}', "BAD_USER_INPUT"),
    "a number as documentId": (b'{"documentId": 1}', "BAD_USER_INPUT"),
}
