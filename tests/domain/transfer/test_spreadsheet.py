"""Incidents as rows of a spreadsheet."""

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from domain.model.actor import Actor, ActorType
from domain.model.histories import IncidentHistory
from domain.model.incident import Incident, Severity, Status
from domain.transfer.spreadsheet import COLUMNS, header, row_of

BEGAN = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
INCIDENT = Incident(
    id="inc_1",
    number=42,
    title='Orders "hang", everywhere',
    description=None,
    status=Status.RESOLVED,
    severity=Severity.MAJOR,
    suppress_notifications=False,
    health_override=None,
    dedupe_key="",
    system_ids=("sys_b", "sys_a"),
    version=1,
    opened_by=Actor(type=ActorType.USER, id="usr_1", name="Amina"),
    occurred_at=BEGAN,
    created_at=BEGAN + timedelta(minutes=3),
    updated_at=BEGAN,
    identified_at=BEGAN + timedelta(seconds=90),
    resolved_at=BEGAN + timedelta(hours=30, milliseconds=5),
    labels=(("team", "money"),),
)


def cells(incident: Incident) -> dict[str, str]:
    data = header() + row_of(IncidentHistory(incident=incident), {"sys_a": "Login", "sys_b": "Payments"})
    [row] = csv.DictReader(io.StringIO(data.decode(), newline=""))
    return row


def test_a_row_has_both_times_and_durations_in_seconds() -> None:
    row = cells(INCIDENT)
    assert tuple(row) == COLUMNS
    assert (row["reference"], row["title"]) == ("INC-42", 'Orders "hang", everywhere')
    assert (row["systems"], row["labels"], row["opened_by"], row["lead"]) == (
        "Login; Payments",
        "team=money",
        "Amina",
        "",
    )
    assert (row["occurred_at"], row["created_at"]) == ("2026-03-01T09:00:00.000Z", "2026-03-01T09:03:00.000Z")
    assert (row["seconds_to_acknowledge"], row["seconds_to_identify"]) == ("", "90.000")
    assert row["seconds_to_resolve"] == "108000.005"


@pytest.mark.parametrize("title", ['=HYPERLINK("http://x")', "+1", "-1", "@SUM(A1)"])
def test_a_title_that_a_spreadsheet_would_compute_is_a_text(title: str) -> None:
    assert cells(replace(INCIDENT, title=title))["title"] == f"'{title}"


def test_rows_end_and_quote_as_the_standard_says() -> None:
    assert header().endswith(b",updates\r\n")
    assert b'INC-42,"Orders ""hang"", everywhere",resolved,' in row_of(IncidentHistory(incident=INCIDENT), {})
