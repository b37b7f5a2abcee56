"""Incidents as rows of a spreadsheet: CSV as of RFC 4180, with durations in seconds."""

import csv
import io
from collections.abc import Mapping, Sequence
from datetime import datetime

from domain.model.histories import IncidentHistory
from domain.model.incident import Incident
from domain.model.moment import iso

COLUMNS = (
    "reference",
    "title",
    "status",
    "severity",
    "systems",
    "labels",
    "opened_by",
    "lead",
    "occurred_at",
    "created_at",
    "acknowledged_at",
    "identified_at",
    "fixing_at",
    "monitoring_at",
    "resolved_at",
    "seconds_to_acknowledge",
    "seconds_to_identify",
    "seconds_to_resolve",
    "updates",
)
#: Spreadsheets take a cell that begins like this for a formula, which could send other cells elsewhere (OWASP, "CSV
#: Injection"). With a quote before it, it is a text.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def header() -> bytes:
    """Return the first row: the names of the columns."""
    return _row(COLUMNS)


def row_of(history: IncidentHistory, names: Mapping[str, str]) -> bytes:
    """Return the row of an incident; `names` are those of the systems by their ids."""
    incident = history.incident
    texts = (
        incident.reference,
        incident.title,
        incident.status,
        incident.severity,
        "; ".join(sorted(names.get(system_id, system_id) for system_id in incident.system_ids)),
        "; ".join(f"{key}={value}" for key, value in incident.labels),
        incident.opened_by.name or incident.opened_by.id,
        (incident.lead.name or incident.lead.id) if incident.lead else "",
    )
    return _row([*map(_safe, texts), *_times(incident), *_durations(incident), str(len(history.updates))])


def _times(incident: Incident) -> list[str]:
    moments = (
        incident.occurred_at,
        incident.created_at,
        incident.acknowledged_at,
        incident.identified_at,
        incident.fixing_at,
        incident.monitoring_at,
        incident.resolved_at,
    )
    return [iso(moment) if moment else "" for moment in moments]


def _durations(incident: Incident) -> list[str]:
    ends: Sequence[datetime | None] = (incident.acknowledged_at, incident.identified_at, incident.resolved_at)
    return ["" if end is None else f"{(end - incident.occurred_at).total_seconds():.3f}" for end in ends]


def _safe(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _row(cells: Sequence[str]) -> bytes:
    text = io.StringIO()
    csv.writer(text).writerow(cells)
    return text.getvalue().encode()
