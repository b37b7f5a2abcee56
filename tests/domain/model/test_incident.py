"""The rules of incidents that need nothing else."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from domain.errors import InvalidInputError
from domain.model.actor import SYSTEM
from domain.model.incident import (
    Incident,
    IncidentUpdate,
    Severity,
    Status,
    canonical_systems,
    checked_dedupe_key,
    checked_description,
    checked_label,
    checked_message,
    checked_title,
    checked_url,
    header_status,
)
from domain.model.viewer import Visibility

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
INCIDENT = Incident(
    id="inc_1",
    number=42,
    title="Checkout fails",
    description=None,
    status=Status.INVESTIGATING,
    severity=Severity.MAJOR,
    suppress_notifications=False,
    health_override=None,
    dedupe_key="",
    system_ids=("sys_1",),
    version=1,
    opened_by=SYSTEM,
    occurred_at=NOON,
    created_at=NOON,
    updated_at=NOON,
)


def _entry(identifier: str, status: Status | None, *, minutes: int) -> IncidentUpdate:
    return IncidentUpdate(
        id=identifier,
        incident_id="inc_1",
        message="Hello",
        status_change=status,
        visibility=Visibility.PUBLIC,
        created_at=NOON + timedelta(minutes=minutes),
        created_by=SYSTEM,
    )


def test_severities_rank_from_minor_to_critical() -> None:
    assert [severity.rank for severity in Severity] == [1, 2, 3]


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.RESOLVED])
def test_an_incident_is_open_in_every_status_but_resolved(status: Status) -> None:
    assert replace(INCIDENT, status=status).is_open


def test_a_resolved_incident_is_not_open() -> None:
    assert not INCIDENT.with_status(Status.RESOLVED, at=NOON).is_open


def test_people_say_inc_and_the_number() -> None:
    assert INCIDENT.reference == "INC-42"


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (Status.IDENTIFIED, "identified_at"),
        (Status.FIXING, "fixing_at"),
        (Status.MONITORING, "monitoring_at"),
        (Status.RESOLVED, "resolved_at"),
    ],
)
def test_a_status_leaves_its_time(status: Status, name: str) -> None:
    at = NOON + timedelta(minutes=5)
    after = INCIDENT.with_status(status, at=at)
    assert (after.status, getattr(after, name)) == (status, at)


def test_the_present_status_again_changes_nothing() -> None:
    assert INCIDENT.with_status(Status.INVESTIGATING, at=NOON) is INCIDENT


def test_reopening_takes_the_time_of_the_resolution_away_and_keeps_the_others() -> None:
    identified = INCIDENT.with_status(Status.IDENTIFIED, at=NOON)
    resolved = identified.with_status(Status.RESOLVED, at=NOON + timedelta(hours=1))
    reopened = resolved.with_status(Status.MONITORING, at=NOON + timedelta(hours=2))
    assert (reopened.resolved_at, reopened.identified_at) == (None, NOON)


def test_the_time_to_resolve_counts_from_the_occurrence() -> None:
    occurred = replace(INCIDENT, occurred_at=NOON - timedelta(minutes=10))
    assert occurred.time_to_resolve_seconds is None
    assert occurred.with_status(Status.RESOLVED, at=NOON).time_to_resolve_seconds == 600


def test_facts_are_json_and_moments_are_texts() -> None:
    facts = INCIDENT.with_status(Status.RESOLVED, at=NOON).facts()
    assert facts["resolved_at"] == facts["created_at"] == "2026-03-01T12:00:00.000Z"
    assert INCIDENT.facts()["resolved_at"] is None


def test_systems_are_sorted_and_unique() -> None:
    assert canonical_systems(["b", "a", "b"]) == ("a", "b")


HEADERS = {
    "an empty timeline keeps the status": ([], Status.FIXING),
    "messages alone keep the status": ([_entry("upd_1", None, minutes=1)], Status.FIXING),
    "the newest one that carries a status wins": (
        [_entry("upd_1", Status.RESOLVED, minutes=2), _entry("upd_2", Status.IDENTIFIED, minutes=1)],
        Status.RESOLVED,
    ),
    "a newer message is passed over": (
        [_entry("upd_1", Status.MONITORING, minutes=1), _entry("upd_2", None, minutes=2)],
        Status.MONITORING,
    ),
    "the id decides between equal times": (
        [_entry("upd_2", Status.RESOLVED, minutes=1), _entry("upd_1", Status.IDENTIFIED, minutes=1)],
        Status.RESOLVED,
    ),
}


@pytest.mark.parametrize(("timeline", "expected"), HEADERS.values(), ids=HEADERS.keys())
def test_the_header_follows_the_timeline(timeline: list[IncidentUpdate], expected: Status) -> None:
    assert header_status(timeline, current=Status.FIXING) is expected


REFUSED: dict[str, tuple[Callable[[str], object], str, str]] = {
    "an empty title": (checked_title, "", "title"),
    "a blank title": (checked_title, " \t\n", "title"),
    "a title of 201 characters": (checked_title, "x" * 201, "title"),
    "a title with a NUL": (checked_title, "a\0b", "title"),
    "an empty message": (checked_message, "", "message"),
    "a message of 20,001 characters": (checked_message, "x" * 20_001, "message"),
    "a description of 20,001 characters": (checked_description, "x" * 20_001, "description"),
    "a dedupe key of 201 characters": (checked_dedupe_key, "x" * 201, "dedupeKey"),
    "a label of 121 characters": (checked_label, "x" * 121, "label"),
}


@pytest.mark.parametrize(("check", "text", "field"), REFUSED.values(), ids=REFUSED.keys())
def test_a_text_that_cannot_be_accepted_names_its_field(check: Callable[[str], object], text: str, field: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        check(text)
    assert caught.value.field == [field]


ACCEPTED: dict[str, tuple[Callable[[Any], object], str | None, str | None]] = {
    "space around a title goes": (checked_title, "  Down  ", "Down"),
    "the longest title": (checked_title, "x" * 200, "x" * 200),
    "the longest message": (checked_message, "x" * 20_000, "x" * 20_000),
    "a blank description is none": (checked_description, "  ", None),
    "no description": (checked_description, None, None),
    "a blank dedupe key is the common one": (checked_dedupe_key, " ", ""),
    "no dedupe key is the common one": (checked_dedupe_key, None, ""),
    "a blank label is none": (checked_label, " ", None),
    "no label": (checked_label, None, None),
    "the longest label": (checked_label, "x" * 120, "x" * 120),
}


@pytest.mark.parametrize(("check", "text", "expected"), ACCEPTED.values(), ids=ACCEPTED.keys())
def test_texts_are_trimmed_and_blank_ones_are_none(
    check: Callable[[Any], object], text: str | None, expected: str | None
) -> None:
    assert check(text) == expected


@pytest.mark.parametrize(
    "url",
    [
        "https://wiki.example.com/runbooks/1?q=a%20b#top",
        "http://localhost:3000",
        "HTTPS://Example.com/",
        "https://[::1]:8080/x",
        "https://bücher.example/ä",
        "https://user@host.example/",
    ],
)
def test_absolute_http_addresses_are_links(url: str) -> None:
    assert checked_url(f" {url} ") == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "   ",
        "not a url",
        "/relative",
        "//host/path",
        "www.example.com",
        "https://",
        "https:///path",
        "http:/one-slash",
        "ftp://example.com/file",
        "javascript:alert(1)",
        "data:text/html,<script>",
        "mailto:a@example.com",
        "https://example.com/a b",
        "https://example.com/a\nb",
        "https://example.com/\u202e",
        "https://exam\0ple.com",
        "https://example.com:0/",
        "https://example.com:70000/",
        "https://example.com:port/",
        "https://[::1/",
        "https://example.com/" + "x" * 2_000,
    ],
)
def test_anything_else_is_not_a_link(url: str) -> None:
    with pytest.raises(InvalidInputError) as caught:
        checked_url(url)
    assert caught.value.field == ["url"]
