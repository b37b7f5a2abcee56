"""Invalid input of mutations: a code, the field and a sentence, and no write."""

import asyncio
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from domain.bootstrap import Domain, running_domain
from domain.settings import Settings
from tests.client import Api, Json, Stored
from tests.gql.mutations.table import NOWHERE, World, make_world
from tests.inside import inside

CREATE: Json = {"title": "New", "severity": "MINOR", "systemIds": ["{system}"]}
UPDATE: Json = {"id": "{incident}"}
ADD: Json = {"incidentId": "{incident}", "message": "Hm"}
EDIT: Json = {"incidentId": "{incident}", "id": "{step}"}
LINK: Json = {"incidentId": "{incident}", "url": "https://example.com/"}
RELINK: Json = {"incidentId": "{incident}", "id": "{link}"}
SYSTEM: Json = {"key": "new", "name": "New"}
LATER = "2999-01-01T00:00:00Z"
LONG_AGO = "2020-01-01T00:00:00Z"
ZERO = "0001-01-01T00:00:00Z"
URL = "URL must be an absolute http or https address."
NULL = "This cannot be null. Leave it out to keep it as it is."

REFUSED = {
    "unknown incident": ("updateIncident", {"id": NOWHERE, "title": "x"}, "NOT_FOUND", ["id"], "Incident "),
    "an id of nothing": ("resolveIncident", {"id": "what"}, "NOT_FOUND", ["id"], "Incident 'what' was not found."),
    "id of another kind": ("deleteIncident", {"id": "{system}"}, "NOT_FOUND", ["id"], "Incident "),
    "unknown parent": ("addIncidentUpdate", ADD | {"incidentId": NOWHERE}, "NOT_FOUND", ["incidentId"], "Incident "),
    "unknown entry": ("editIncidentUpdate", EDIT | {"id": "upd_x", "message": "x"}, "NOT_FOUND", ["id"], "Update "),
    "unknown link": (
        "removeIncidentLink",
        RELINK | {"id": "lnk_x"},
        "NOT_FOUND",
        ["id"],
        "Link 'lnk_x' was not found.",
    ),
    "long unknown id": ("resolveIncident", {"id": "x" * 9000}, "NOT_FOUND", ["id"], "Incident "),
    "unknown system": (
        "createIncident",
        CREATE | {"systemIds": ["{system}", "nowhere"]},
        "UNKNOWN_SYSTEM",
        ["systemIds", "1"],
        "There is no system with the id or key 'nowhere'.",
    ),
    "unknown system, later": (
        "updateIncident",
        UPDATE | {"systemIds": ["no"]},
        "UNKNOWN_SYSTEM",
        ["systemIds", "0"],
        "",
    ),
    "no systems": (
        "createIncident",
        CREATE | {"systemIds": []},
        "BAD_USER_INPUT",
        ["systemIds"],
        "An incident affects at",
    ),
    "no systems, later": (
        "updateIncident",
        UPDATE | {"systemIds": []},
        "BAD_USER_INPUT",
        ["systemIds"],
        "An incident ",
    ),
    "101 systems": ("createIncident", CREATE | {"systemIds": ["x"] * 101}, "BAD_USER_INPUT", ["systemIds"], ""),
    "empty title": ("createIncident", CREATE | {"title": ""}, "BAD_USER_INPUT", ["title"], "Title must not be empty."),
    "blank title": (
        "updateIncident",
        UPDATE | {"title": " \n"},
        "BAD_USER_INPUT",
        ["title"],
        "Title must not be empty.",
    ),
    "title of 201": (
        "createIncident",
        CREATE | {"title": "x" * 201},
        "BAD_USER_INPUT",
        ["title"],
        "Title must have at most 200 characters, not 201.",
    ),
    "title of two lines": (
        "createIncident",
        CREATE | {"title": "a\nb"},
        "BAD_USER_INPUT",
        ["title"],
        "Title must be one",
    ),
    "title with an escape": (
        "updateIncident",
        UPDATE | {"title": "\x1b[2Jb"},
        "BAD_USER_INPUT",
        ["title"],
        "Title must ",
    ),
    "title that runs backwards": (
        "createIncident",
        CREATE | {"title": "invoice\u202efdp.exe"},
        "BAD_USER_INPUT",
        ["title"],
        "Title must be one line without control characters, unlike U+202E at character 8.",
    ),
    "title of nothing to see": (
        "createIncident",
        CREATE | {"title": "\u3164\u200b"},
        "BAD_USER_INPUT",
        ["title"],
        "Title must have characters that can be seen.",
    ),
    "message with an escape": ("addIncidentUpdate", ADD | {"message": "\x9b2J"}, "BAD_USER_INPUT", ["message"], ""),
    "name of two lines": ("createSystem", SYSTEM | {"name": "a\rb"}, "BAD_USER_INPUT", ["name"], "Name must be one"),
    "name of a token": ("createToken", {"name": "\u2800", "role": "VIEWER"}, "BAD_USER_INPUT", ["name"], "Name must"),
    "label of two lines": (
        "addIncidentLink",
        LINK | {"label": "a\nb"},
        "BAD_USER_INPUT",
        ["label"],
        "Label must be one",
    ),
    "key with an escape": ("createIncident", CREATE | {"dedupeKey": "\x1b"}, "BAD_USER_INPUT", ["dedupeKey"], ""),
    "url with a quote": (
        "addIncidentLink",
        LINK | {"url": 'https://example.com/"'},
        "BAD_USER_INPUT",
        ["url"],
        "URL must not contain spaces, quotes",
    ),
    "url with a password": (
        "addIncidentLink",
        LINK | {"url": "https://user:pw@example.com/"},
        "BAD_USER_INPUT",
        ["url"],
        "URL must not hold a user or password",
    ),
    "description of 20,001": (
        "createIncident",
        CREATE | {"description": "x" * 20_001},
        "BAD_USER_INPUT",
        ["description"],
        "Description must have at most 20,000 characters, not 20,001.",
    ),
    "message of 25,001": (
        "addIncidentUpdate",
        ADD | {"message": "x" * 25_001},
        "BAD_USER_INPUT",
        ["message"],
        "Message must have at most 25,000 characters, not 25,001.",
    ),
    "empty message": ("addIncidentUpdate", ADD | {"message": ""}, "BAD_USER_INPUT", ["message"], "Message must not be"),
    "empty first entry": ("createIncident", CREATE | {"initialMessage": ""}, "BAD_USER_INPUT", ["initialMessage"], ""),
    "edit to nothing": (
        "editIncidentUpdate",
        EDIT | {"message": " "},
        "BAD_USER_INPUT",
        ["message"],
        "Message must not",
    ),
    "relative url": ("addIncidentLink", LINK | {"url": "/graph"}, "BAD_USER_INPUT", ["url"], URL),
    "script url": ("addIncidentLink", LINK | {"url": "javascript:alert(1)"}, "BAD_USER_INPUT", ["url"], URL),
    "url without a host": ("updateIncidentLink", RELINK | {"url": "https://"}, "BAD_USER_INPUT", ["url"], URL),
    "taken url": (
        "addIncidentLink",
        LINK | {"url": "https://example.com/graph"},
        "DUPLICATE",
        ["url"],
        "This incident ",
    ),
    "label of 121": ("addIncidentLink", LINK | {"label": "x" * 121}, "BAD_USER_INPUT", ["label"], "Label must have at"),
    "future occurredAt": (
        "createIncident",
        CREATE | {"occurredAt": LATER},
        "BAD_USER_INPUT",
        ["occurredAt"],
        "This moment lies in the future.",
    ),
    "future createdAt": (
        "editIncidentUpdate",
        EDIT | {"createdAt": LATER},
        "BAD_USER_INPUT",
        ["createdAt"],
        "This moment",
    ),
    "an entry in the future": (
        "addIncidentUpdate",
        ADD | {"createdAt": LATER},
        "BAD_USER_INPUT",
        ["createdAt"],
        "This moment lies in the future.",
    ),
    "an entry before the beginning": (
        "addIncidentUpdate",
        ADD | {"createdAt": LONG_AGO},
        "BAD_USER_INPUT",
        ["createdAt"],
        "This moment lies before the incident's beginning",
    ),
    "an entry moved before the beginning": (
        "editIncidentUpdate",
        EDIT | {"createdAt": LONG_AGO},
        "BAD_USER_INPUT",
        ["createdAt"],
        "This moment lies before the incident's beginning",
    ),
    "a beginning in the future": (
        "updateIncident",
        UPDATE | {"occurredAt": LATER},
        "BAD_USER_INPUT",
        ["occurredAt"],
        "This moment lies in the future.",
    ),
    "a beginning of null": ("updateIncident", UPDATE | {"occurredAt": None}, "BAD_USER_INPUT", ["occurredAt"], NULL),
    "a resolution in the future": (
        "resolveIncident",
        UPDATE | {"resolvedAt": LATER},
        "BAD_USER_INPUT",
        ["resolvedAt"],
        "This moment lies in the future.",
    ),
    "an incident at the zero of Go's times": (
        "createIncident",
        CREATE | {"occurredAt": ZERO},
        "BAD_USER_INPUT",
        ["occurredAt"],
        "This moment lies before the year 1900.",
    ),
    "a report at the zero of Go's times": (
        "reportSystemHealth",
        {"system": "{system}", "status": "DEGRADED", "observedAt": ZERO},
        "BAD_USER_INPUT",
        ["observedAt"],
        "This moment lies before the year 1900.",
    ),
    "a resolution before the beginning": (
        "resolveIncident",
        UPDATE | {"resolvedAt": LONG_AGO},
        "BAD_USER_INPUT",
        ["resolvedAt"],
        "This moment lies before the incident's beginning",
    ),
    "blank idempotency key": (
        "createIncident",
        CREATE | {"idempotencyKey": ""},
        "BAD_USER_INPUT",
        ["idempotencyKey"],
        "",
    ),
    "null title": ("updateIncident", UPDATE | {"title": None}, "BAD_USER_INPUT", ["title"], NULL),
    "null severity": ("updateIncident", UPDATE | {"severity": None}, "BAD_USER_INPUT", ["severity"], NULL),
    "null systems": ("updateIncident", UPDATE | {"systemIds": None}, "BAD_USER_INPUT", ["systemIds"], NULL),
    "null silence": (
        "updateIncident",
        UPDATE | {"suppressNotifications": None},
        "BAD_USER_INPUT",
        ["suppressNotifications"],
        NULL,
    ),
    "null message": ("editIncidentUpdate", EDIT | {"message": None}, "BAD_USER_INPUT", ["message"], NULL),
    "null status": ("editIncidentUpdate", EDIT | {"statusChange": None}, "BAD_USER_INPUT", ["statusChange"], NULL),
    "null visibility": ("updateIncidentLink", RELINK | {"visibility": None}, "BAD_USER_INPUT", ["visibility"], NULL),
    "null name": ("updateSystem", {"id": "{system}", "name": None}, "BAD_USER_INPUT", ["name"], NULL),
    "bad key": ("createSystem", SYSTEM | {"key": "Not A Key"}, "BAD_USER_INPUT", ["key"], ""),
    "taken key": (
        "createSystem",
        SYSTEM | {"key": "{key}"},
        "ALREADY_EXISTS",
        ["key"],
        "There is a system with the key",
    ),
    "101 incidents": ("resolveIncidents", {"ids": ["x"] * 101}, "BAD_USER_INPUT", ["ids"], "Name 1 to 100 incidents."),
    "no incidents": ("deleteIncidents", {"ids": []}, "BAD_USER_INPUT", ["ids"], "Name 1 to 100 incidents."),
}

NOT_OF_THE_SCHEMA = {
    "wrong enum": ("createIncident", CREATE | {"severity": "HUGE"}, ["severity"]),
    "lower-case enum": ("addIncidentUpdate", ADD | {"statusChange": "fixing"}, ["statusChange"]),
    "moment without an offset": ("createIncident", CREATE | {"occurredAt": "2026-01-01T00:00:00"}, ["occurredAt"]),
    "no moment": ("editIncidentUpdate", EDIT | {"createdAt": "yesterday"}, ["createdAt"]),
    "number as a moment": ("createIncident", CREATE | {"occurredAt": 5}, ["occurredAt"]),
    "version as text": ("updateIncident", UPDATE | {"expectedVersion": "1"}, ["expectedVersion"]),
    "null in a list": ("createIncident", CREATE | {"systemIds": [None]}, ["systemIds", "0"]),
    "number as text": ("createIncident", CREATE | {"title": 5}, ["title"]),
}

VERSIONED: dict[str, Json] = {
    "updateIncident": UPDATE | {"title": "x"},
    "resolveIncident": UPDATE,
    "deleteIncident": UPDATE,
    "addIncidentUpdate": ADD,
    "editIncidentUpdate": EDIT | {"message": "x"},
    "deleteIncidentUpdate": EDIT,
    "addIncidentLink": LINK,
    "updateIncidentLink": RELINK | {"label": "x"},
    "removeIncidentLink": RELINK,
}


@pytest.fixture(scope="module")
def furnished(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, World]:
    """Return a database with a world in it, which each test copies."""
    file = tmp_path_factory.mktemp("furnished") / "incidents.db"
    shutil.copy(sqlite_template, file)

    async def furnish() -> World:
        settings = Settings(database_url=f"sqlite:///{file}", http_allow=("127.0.0.1",))
        async with running_domain(settings, live=False) as domain:
            return await make_world(domain)

    return file, asyncio.run(furnish())


@pytest.fixture
def template(furnished: tuple[Path, World]) -> str:
    return str(furnished[0])


@pytest.fixture
def world(furnished: tuple[Path, World]) -> World:
    return furnished[1]


async def test_an_invalid_value_is_refused_and_nothing_is_written(
    api: Api, domain: Domain, stored: Stored, world: World
) -> None:
    before = await stored()
    cursor = inside(domain).cursors.position(await domain.events.head())
    for name, (mutation, input, code, field, message) in REFUSED.items():
        payload = await api.admin.do(mutation, _filled(input, world))
        [error] = payload["userErrors"]
        assert (name, error["code"], error["field"]) == (name, code, field)
        assert error["message"].startswith(message), name
        assert re.fullmatch(r"[A-Z].{5,150}\.", error["message"]), name
        assert (name, payload["cursor"]) == (name, cursor)
    assert await stored() == before


async def test_input_against_the_schema_is_refused_with_its_path_before_execution(
    api: Api, stored: Stored, world: World
) -> None:
    before = await stored()
    for name, (mutation, input, field) in NOT_OF_THE_SCHEMA.items():
        answer = await api.admin.try_to(mutation, _filled(input, world))
        [error] = answer["errors"]
        assert (name, error["extensions"]) == (name, {"code": "GRAPHQL_VALIDATION_FAILED", "field": field})
        assert f"at .{'.'.join(field).replace('.0', '[0]')}:" in error["message"], name
        assert "data" not in answer, name
    assert await stored() == before


async def test_a_missing_field_is_named(api: Api) -> None:
    answer = await api.admin.try_to("createIncident", {"severity": "MINOR", "systemIds": []})
    [error] = answer["errors"]
    assert error["extensions"]["code"] == "GRAPHQL_VALIDATION_FAILED"
    assert "title" in error["message"]


async def test_a_stale_version_is_refused_with_the_current_incident(api: Api, stored: Stored, world: World) -> None:
    before = await stored()
    for mutation, input in VERSIONED.items():
        stale = _filled(input | {"expectedVersion": world.incident.version - 1}, world)
        payload = await api.admin.do(mutation, stale, "incident { id version }")
        [error] = payload["userErrors"]
        assert (mutation, error["code"], error["field"]) == (mutation, "VERSION_CONFLICT", ["expectedVersion"])
        assert payload["incident"] == {"id": world.incident.id, "version": world.incident.version}, mutation
        assert await stored() == before, mutation


@pytest.mark.parametrize(
    ("mutation", "input", "other"),
    [
        ("createIncident", CREATE, {"title": "Other"}),
        ("addIncidentUpdate", ADD, {"visibility": "INTERNAL"}),
        ("addIncidentLink", LINK, {"label": "Other"}),
        ("createSystem", SYSTEM, {"name": "Other"}),
    ],
)
async def test_a_used_idempotency_key_repeats_the_payload_and_refuses_another_input(
    api: Api, domain: Domain, stored: Stored, world: World, mutation: str, input: Json, other: Json
) -> None:
    keyed = _filled(input | {"idempotencyKey": "once"}, world)
    first = await api.admin.do(mutation, keyed)
    before = await stored()
    assert await api.admin.do(mutation, keyed) == first
    [error] = (await api.admin.do(mutation, keyed | other))["userErrors"]
    assert (error["code"], error["field"]) == ("CONFLICT", ["idempotencyKey"])
    assert await stored() == before
    theirs = await api.responder.do(mutation, keyed) if mutation != "createSystem" else {"userErrors": []}
    assert [error["code"] for error in theirs["userErrors"]] == ["DUPLICATE"] * (mutation == "addIncidentLink")


async def test_every_other_text_is_stored_unchanged(api: Api, world: World) -> None:
    text = "Ünïcödé \U0001f525 \u202e <b>&amp;</b> '; -- \\n\n\tnext \u200fline"
    payload = await api.admin.do(
        "addIncidentUpdate", {"incidentId": world.incident.id, "message": text}, "update { message }"
    )
    assert payload["update"] == {"message": text}


def _filled(value: Any, world: World) -> Any:
    """Return the input with the ids of this world in it."""
    match value:
        case dict():
            return {name: _filled(item, world) for name, item in value.items()}
        case list():
            return [_filled(item, world) for item in value]
        case "{incident}" | "{step}" | "{link}" | "{system}":
            return getattr(world, value.strip("{}")).id
        case "{key}":
            return world.system.key
        case _:
            return value
