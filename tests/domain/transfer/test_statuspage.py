"""Histories of pages at Statuspage: both times are kept, and durations are right."""

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest

from domain.bootstrap import Domain
from domain.errors import StartupError
from domain.model.histories import IncidentHistory, Refusal
from domain.model.incident import Severity, Status
from domain.model.system import System
from domain.transfer import statuspage_files
from domain.transfer.documents import recorded_at
from domain.transfer.importing import Tally
from domain.transfer.statuspage_files import read_statuspage
from tests.domain.dialects import on_one_database
from tests.domain.transfer.pages import ENTRIES, PAGE, component, document, incident, update
from tests.domain.transfer.world import Heard, exported
from tests.factories import make_incident, make_system

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


def written(folder: Path, *documents: Any) -> Path:
    for number, each in enumerate(documents):
        (folder / f"{number}.json").write_bytes(orjson.dumps(each))
    return folder


def items(folder: Path, *documents: Any) -> list[Any]:
    return [item for item, *_ in read_statuspage(written(folder, *documents), now=NOW)]


def refused(found: Iterable[Any]) -> list[Refusal]:
    return [item for item in found if isinstance(item, Refusal)]


def only(found: Iterable[Any]) -> IncidentHistory:
    [history] = [item for item in found if isinstance(item, IncidentHistory)]
    return history


async def taken(domain: Domain, path: Path) -> tuple[Tally, Heard]:
    heard = Heard()
    return await domain.transfer.imports.run(read_statuspage(path, now=domain.transfer.imports.now()), heard), heard


def test_both_times_of_everything_are_kept_and_durations_are_right(tmp_path: Path) -> None:
    history = only(items(tmp_path, document(incident())))
    taken = history.incident
    assert (taken.status, taken.severity, taken.title) == (Status.RESOLVED, Severity.MAJOR, "Some requests fail")
    assert taken.occurred_at == datetime(2026, 2, 20, 18, 0, 19, 418000, tzinfo=UTC)
    assert (taken.created_at, recorded_at(taken.id)) == (datetime(2026, 2, 20, 18, 7, tzinfo=UTC),) * 2
    assert taken.resolved_at == datetime(2026, 2, 20, 19, 40, 58, 572000, tzinfo=UTC)
    assert taken.time_to_resolve_seconds == 6039.154
    assert [(f"{each.created_at:%H:%M:%S}", f"{recorded_at(each.id):%H:%M:%S}") for each in history.updates] == [
        ("18:00:19", "18:07:00"),
        ("18:32:43", "18:32:43"),
        ("19:11:24", "19:11:24"),
        ("19:40:58", "19:55:00"),
        ("20:30:00", "20:30:00"),
    ]
    assert [each.status_change for each in history.updates] == [
        Status.INVESTIGATING,
        Status.IDENTIFIED,
        Status.MONITORING,
        Status.RESOLVED,
        None,
    ]
    assert history.updates[0].is_opening
    assert history.updates[4].message == "It was the cache.\nNever again."
    assert [link.url for link in history.links] == ["https://stspg.io/7a0d3a4d2"]


def test_an_entry_before_the_beginning_moves_it(tmp_path: Path) -> None:
    early = update("u0", "investigating", "11:00:00.000")
    history = only(items(tmp_path, document(incident("x", early, *ENTRIES[1:4]))))
    assert (f"{history.incident.occurred_at:%H:%M}", history.updates[0].is_opening) == ("17:00", True)


@pytest.mark.parametrize(
    ("fields", "status", "at"),
    [
        ({"status": "resolved"}, Status.RESOLVED, "19:40:58"),
        (
            {"status": "monitoring", "monitoring_at": "2026-02-20T13:00:00Z", "resolved_at": None},
            Status.MONITORING,
            "18:00:19",
        ),
        ({"status": "identified", "resolved_at": None}, Status.IDENTIFIED, "21:00:00"),
        ({"status": "investigating", "resolved_at": None}, Status.INVESTIGATING, None),
    ],
)
def test_a_status_without_an_entry_is_one(tmp_path: Path, fields: Any, status: Status, at: str | None) -> None:
    history = only(items(tmp_path, document(incident(**fields) | {"incident_updates": []})))
    assert history.incident.status is status
    assert [f"{each.created_at:%H:%M:%S}" for each in history.updates] == ([at] if at else [])


def test_components_become_systems_with_keys_of_their_own(tmp_path: Path) -> None:
    page = {
        "page": PAGE,
        "components": [
            component("c1", "API (EU)", description="What comes in"),
            component("c3", "api eu"),
            component("c4", "日本"),
            component("c5", "All of it", group=True),
        ],
    }
    found = items(tmp_path, page, document(incident()))
    systems = [item for item in found if isinstance(item, System)]
    assert [(each.key, each.name) for each in systems] == [
        ("api-eu", "API (EU)"),
        ("zahlungen", "Zahlungen"),
        ("api-eu-c3", "api eu"),
        ("c4", "日本"),
    ]
    assert set(only(found).incident.system_ids) == {systems[0].id, systems[1].id}


def test_of_an_incident_on_two_pages_of_the_list_the_latest_state_counts(tmp_path: Path) -> None:
    older = incident(name="Before", updated_at="2026-02-20T14:00:00.000-06:00")
    assert only(items(tmp_path, document(incident()), document(older))).incident.title == "Some requests fail"


def test_what_is_no_incident_is_reported(tmp_path: Path) -> None:
    bad = incident("bad") | {"created_at": "yesterday"}
    maintenance = incident("m1", impact="maintenance", status="completed")
    planned = incident("m2", impact="maintenance", status="scheduled")
    odd = incident("odd", status="exploded")
    future = incident("later", update("u9", "resolved", "13:00:00.000", display_at="2027-01-01T00:00:00Z"))
    page = document(bad, maintenance, incident(), odd, future, scheduled_maintenances=[planned])
    found = items(tmp_path, page)
    assert sorted((each.place, each.code, ".".join(each.field)) for each in refused(found)) == [
        ("0.json, incidents.0", "BAD_USER_INPUT", "created_at"),
        ("0.json, incidents.1", "UNSUPPORTED", ""),
        ("0.json, incidents.3", "BAD_USER_INPUT", "status"),
        ("0.json, incidents.4", "BAD_USER_INPUT", "incident_updates.0.display_at"),
        ("0.json, scheduled_maintenances.0", "UNSUPPORTED", ""),
    ]
    assert only(found).incident.title == "Some requests fail"


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"{", "no JSON"),
        (b"[]", "no document"),
        (b'{"incidents":[]}', "names no page"),
        (b"1" * 99, "more than 90 bytes"),
    ],
)
def test_a_file_that_is_no_document_is_refused(
    tmp_path: Path, data: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(statuspage_files, "LARGEST_FILE", 90)
    (tmp_path / "page.json").write_bytes(data)
    with pytest.raises(StartupError, match=words):
        list(read_statuspage(tmp_path / "page.json", now=NOW))


def test_files_of_two_pages_are_not_mixed(tmp_path: Path) -> None:
    with pytest.raises(StartupError, match="another page"):
        items(tmp_path, document(), document() | {"page": {"id": "other"}})


async def test_a_page_is_taken_once_in_the_order_of_time_and_comes_out_again(domain: Domain, tmp_path: Path) -> None:
    await make_system(domain, "zahlungen", name="Ours")
    later = incident("later", name="Later", created_at="2026-02-21T12:07:00Z", started_at=None) | {
        "incident_updates": [],
        "components": None,
    }
    folder = written(tmp_path, document(later, incident(), components=[component("c1", "API (EU)")]))
    tally, heard = await taken(domain, folder)
    assert (tally.taken, tally.present, heard.refusals) == (
        {"system": 1, "incident": 2},
        {"system": 1, "incident": 0},
        [],
    )
    before = await exported(domain)
    lines = [orjson.loads(line) for line in before.splitlines()]
    assert [(each["number"], each["title"]) for each in lines if each["type"] == "incident"] == [
        (1, "Some requests fail"),
        (2, "Later"),
    ]
    again, _ = await taken(domain, folder)
    assert (again.taken, again.present) == ({"system": 0, "incident": 0}, {"system": 2, "incident": 2})
    assert await exported(domain) == before
    assert [change.events for change in await domain.events.raw(0, limit=100) if change.actor.id == "import"] == [
        ()
    ] * 3


@on_one_database
async def test_an_incident_that_has_grown_since_is_named(domain: Domain, tmp_path: Path) -> None:
    await make_incident(domain)
    first = incident("x", *ENTRIES[3:], status="identified", resolved_at=None)
    await taken(domain, written(tmp_path, document(first)))
    tally, heard = await taken(domain, written(tmp_path, document(incident("x"))))
    assert (tally.present["incident"], [note.code for note in heard.notes]) == (1, ["DIFFERS"])
