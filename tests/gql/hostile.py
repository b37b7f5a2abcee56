"""Documents and variables that are made to hurt: each with the code that it has to be refused with."""

import json
from typing import Any

_LEAF = "fragment F{n} on Query {{ viewer {{ role }} }}"


def _chain(length: int, link: str, last: str, *, start: str = "{ ...F0 } ") -> str:
    links = "".join(link.format(n=number, next=number + 1) for number in range(length))
    return start + links + last.format(n=length)


def _nested(levels: int, opening: str, closing: str, inside: str = "") -> str:
    return opening * levels + inside + closing * levels


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
