"""Files that are not quite exports: each line is judged by itself, and nothing of a refused one is taken."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.bootstrap import Domain
from domain.errors import StartupError
from domain.model.histories import Refusal
from domain.transfer import reading
from domain.transfer.reading import read_lines
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.domain.transfer.world import exported, imported, lively

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
HEAD = b'{"type":"incidentql","format":1,"schema":"0001"}\n'
#: The ids have the time of `recordedAt` in them.
INCIDENT: dict[str, Any] = {
    "type": "incident",
    "id": "inc_01kgc8k9e0f9f824pa3eywnyp2",
    "number": 1,
    "title": "Checkout fails",
    "description": None,
    "status": "identified",
    "severity": "major",
    "suppressNotifications": False,
    "healthOverride": None,
    "dedupeKey": "",
    "systems": [],
    "openedBy": {"type": "user", "id": "usr_amina", "name": "Amina"},
    "occurredAt": "2026-02-01T09:00:00.000Z",
    "createdAt": "2026-02-01T09:30:00.000Z",
    "updatedAt": "2026-02-01T09:30:00.000Z",
    "identifiedAt": "2026-02-01T09:10:00.000Z",
    "fixingAt": None,
    "monitoringAt": None,
    "resolvedAt": None,
    "labels": {},
    "acknowledgedAt": None,
    "acknowledgedBy": None,
    "snoozedUntil": None,
    "lead": None,
    "assignees": [],
    "updates": [
        {
            "id": "upd_01kgc8k9e0f9f824pa3eywnyp2",
            "message": "A release",
            "status": "identified",
            "visibility": "public",
            "at": "2026-02-01T09:10:00.000Z",
            "recordedAt": "2026-02-01T09:30:00.000Z",
            "by": {"type": "user", "id": "usr_amina", "name": "Amina"},
            "editedAt": None,
            "isOpening": False,
            "versions": [],
        }
    ],
    "links": [],
    "transitions": [],
    "spans": [],
}


def said(file: Path, *lines: bytes) -> list[Any]:
    end = orjson.dumps({"type": "end", "counts": {"incident": len(lines)}})
    file.write_bytes(HEAD + b"".join(line + b"\n" for line in lines) + end + b"\n")
    return [item for item, *_ in read_lines(file, now=NOW)]


def changed(**fields: Any) -> bytes:
    return orjson.dumps(INCIDENT | fields)


def update(**fields: Any) -> bytes:
    return changed(updates=[INCIDENT["updates"][0] | fields])


def step(**fields: Any) -> bytes:
    return changed(transitions=[{"from": None, "at": "2026-02-01T09:30:00.000Z"} | fields])


LINK = {
    "id": "lnk" + INCIDENT["id"][3:],
    "label": None,
    "url": "https://example.com/",
    "visibility": "public",
    "createdAt": "2026-02-01T09:30:00.000Z",
}


@pytest.mark.parametrize(
    ("line", "field", "words"),
    [
        (b"{nonsense", "", "JSON"),
        (b'{"type":"nonsense"}', "", "tag"),
        (b"\xff\xfe", "", "JSON"),
        (changed(title=" "), "title", "empty"),
        (changed(title="a" * 201), "title", "200"),
        (changed(title=7), "title", "string"),
        (changed(nonsense=1), "nonsense", "Extra"),
        (changed(id="inc_1"), "id", "inc_"),
        # As large as the database's integers: the next incident that is opened has to have a number as well.
        (changed(number=2**31 - 1), "number", "1073741824"),
        (changed(occurredAt="2026-03-01"), "occurredAt", "offset"),
        (changed(occurredAt=5), "occurredAt", "date"),
        (changed(occurredAt="1800-01-01T00:00:00Z"), "occurredAt", "1900"),
        (changed(updatedAt="2027-01-01T00:00:00Z"), "updatedAt", "future"),
        (changed(status="resolved"), "status", "timeline"),
        (changed(identifiedAt=None), "identifiedAt", "timeline"),
        (changed(acknowledgedAt="2026-02-01T09:10:00.000Z"), "acknowledgedBy", "actor"),
        (changed(labels={"a b": "c"}), "labels.0.key", "label"),
        (changed(systems=["sys_01kgc8k9e0f9f824pa3eywnyp2"] * 101), "systems", "100"),
        (changed(openedBy={"type": "user", "id": "a\nb", "name": None}), "openedBy.id", "line"),
        (step(field="status", to="exploded"), "transitions.0.to", "value"),
        (step(field="system_ids", to="{"), "transitions.0.to", "value"),
        (step(field="system_ids", to="[" * 100_000), "transitions.0.to", "value"),
        (step(field="system_ids", to='["payments"]'), "transitions.0.to", "value"),
        (step(field="title", to="A"), "transitions.0.field", "status"),
        (changed(assignees=[{"type": "user", "id": f"usr_{n}", "name": None} for n in range(21)]), "assignees", "20"),
        (changed(assignees=[INCIDENT["openedBy"]] * 2), "assignees.1.id", "twice"),
        (changed(links=[LINK | {"url": "javascript:alert(1)"}]), "links.0.url", "http"),
        (changed(links=[LINK, LINK]), "links.1.url", "twice"),
        (update(message=""), "updates.0.message", "empty"),
        (update(recordedAt="2026-02-01T09:30:00.001Z"), "updates.0.recordedAt", "time"),
        (update(isOpening=True), "updates.0.at", "beginning"),
        (update(by={"type": "nobody", "id": "a", "name": None}), "updates.0.by.type", "user"),
    ],
)
def test_a_bad_line_is_refused_with_its_field_and_a_sentence(
    tmp_path: Path, line: bytes, field: str, words: str
) -> None:
    refused, good = said(tmp_path / "file", line, orjson.dumps(INCIDENT))
    assert isinstance(refused, Refusal)
    assert (refused.place, ".".join(refused.field), refused.code) == ("line 2", field, "BAD_USER_INPUT")
    assert words in refused.message
    assert good.incident.title == "Checkout fails"


def test_a_line_that_is_too_long_is_skipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "LONGEST_LINE", 2_000)
    refused, good = said(tmp_path / "file", changed(description="a" * 9_000), orjson.dumps(INCIDENT))
    assert isinstance(refused, Refusal)
    assert (refused.code, good.incident.number) == ("TOO_LARGE", 1)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "empty"),
        (b"PK\x03\x04", "no export"),
        ('{"type":"incidentql"}'.encode("utf-16"), "no export"),
        (b'{"type":"incidentql","format":2,"schema":"0001"}\n', "format 2"),
    ],
)
def test_a_file_that_is_no_export_is_refused_as_a_whole(tmp_path: Path, data: bytes, words: str) -> None:
    file = tmp_path / "file"
    file.write_bytes(data)
    with pytest.raises(StartupError, match=words):
        list(read_lines(file, now=NOW))


def test_a_byte_order_mark_and_blank_lines_are_no_fault(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(
        b"\xef\xbb\xbf" + HEAD + b"\r\n" + orjson.dumps(INCIDENT) + b'\n{"type":"end","counts":{"incident":1}}'
    )
    assert [item.incident.number for item, *_ in read_lines(file, now=NOW)] == [1]  # type: ignore[union-attr]


@on_one_database
async def test_a_file_that_was_cut_off_says_so_and_its_whole_lines_are_taken(domain: Domain, tmp_path: Path) -> None:
    data = HEAD + orjson.dumps(INCIDENT) + b"\n" + orjson.dumps(INCIDENT)[:300]
    tally, heard = await imported(domain, tmp_path / "file", data)
    assert (tally.taken, [refusal.code for refusal in heard.refusals]) == (
        {"incident": 1},
        ["BAD_USER_INPUT", "TRUNCATED"],
    )


@on_one_database
async def test_what_contradicts_the_database_is_refused_and_the_rest_taken(
    domain: Domain, clock: SteppingClock, tmp_path: Path
) -> None:
    first, *_ = await lively(domain, clock)
    theirs = next(line for line in (await exported(domain)).splitlines() if first.id.encode() in line)
    entry = orjson.loads(theirs)["updates"][0]["id"]
    other = "inc_01kgc8k9e0f27tg5g075cmmcw9"
    lines = [
        orjson.dumps(INCIDENT | {"id": other, "systems": ["sys_01kgc8k9e0f9f824pa3eywnyp2"]}),
        theirs.replace(first.id.encode(), other.encode()),
        orjson.dumps(INCIDENT),
    ]
    tally, heard = await imported(domain, tmp_path / "file", HEAD + b"\n".join(lines))
    assert [(refusal.place, refusal.code) for refusal in heard.refusals[:2]] == [
        ("line 2", "UNKNOWN_SYSTEM"),
        ("line 3", "DUPLICATE"),
    ]
    assert (tally.taken["incident"], entry[:4]) == (1, "upd_")


@on_one_database
async def test_a_strict_import_ends_at_the_first_refusal(domain: Domain, tmp_path: Path) -> None:
    later = orjson.loads(orjson.dumps(INCIDENT).replace(b"01kgc8k9e0f9f824pa3eywnyp2", b"01kgc8k9e0f27tg5g075cmmcw9"))
    lines = [orjson.dumps(INCIDENT), b"{nonsense", orjson.dumps(later)]
    tally, heard = await imported(domain, tmp_path / "file", HEAD + b"\n".join(lines), is_strict=True)
    assert (tally.taken, len(heard.refusals)) == ({"incident": 1}, 1)


@on_one_database
async def test_a_relation_that_would_lead_in_a_circle_is_refused(
    domain: Domain, clock: SteppingClock, tmp_path: Path
) -> None:
    first, second, third = await lively(domain, clock)
    # The second is a duplicate of the third already, and nothing is known of the last.
    lines = [
        orjson.dumps(
            {
                "type": "relation",
                "id": f"rel_01kgc8k9e0f9f824pa3eywnyp{place}",
                "otherId": f"rel_01kgc8k9e0f27tg5g075cmmcw{place}",
                "relation": "duplicate_of",
                "incident": one,
                "other": other,
                "createdAt": "2026-02-01T09:00:00.000Z",
                "createdBy": {"type": "user", "id": "usr_amina", "name": None},
            }
        )
        for place, (one, other) in enumerate(
            [(third.id, second.id), (second.id, third.id), (first.id, INCIDENT["id"]), (first.id, first.id)]
        )
    ]
    tally, heard = await imported(domain, tmp_path / "file", HEAD + b"\n".join(lines))
    codes = [(refusal.place, refusal.code) for refusal in heard.refusals]
    assert sorted(codes)[:3] == [("line 2", "CONFLICT"), ("line 4", "NOT_FOUND"), ("line 5", "BAD_USER_INPUT")]
    assert (tally.taken["relation"], tally.present["relation"]) == (0, 1)
