"""Incidents and maintenance as the templates show them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any

from markupsafe import Markup

from domain.markdown import html_of
from domain.model.incident import OPENING, IncidentUpdate, Status
from domain.model.public_page import PublicIncident, PublicMaintenance, PublicPage
from domain.model.texts import cut
from gql.web.status.state import isolated, listed, names_of
from gql.web.status.texts import Texts

#: The characters of a message on the pages that show many of them.
_LONGEST, _SUMMED_UP = 1_500, 600
_SUMMARY = 240
_HEADING = re.compile("<(/?)h[3-6]>")
#: So near to each other, a status and the update that names it are one.
_TOGETHER = timedelta(seconds=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of a timeline: an update with its text, or a status that was reached without one."""

    status: str
    at: datetime
    html: Markup | None = None
    edited_at: datetime | None = None
    is_cut: bool = False


def whole_timeline(shown: PublicIncident) -> list[Entry]:
    """Return all that is public of what happened to an incident, newest first."""
    statuses = shown.statuses()
    entries = [_entry(update, status) for update, status in zip(shown.updates, statuses, strict=True)]
    named = [(update.names, update.created_at) for update in shown.updates]
    incident = shown.incident
    reached = [
        (OPENING, incident.occurred_at),
        (Status.IDENTIFIED, incident.identified_at),
        (Status.FIXING, incident.fixing_at),
        (Status.MONITORING, incident.monitoring_at),
        (Status.RESOLVED, incident.resolved_at),
    ]
    for status, at in reached:
        if at is not None and not any(name is status and abs(when - at) <= _TOGETHER for name, when in named):
            entries.append(Entry(status=status, at=at))
    return sorted(entries, key=lambda entry: entry.at, reverse=True)


def newest_entry(shown: PublicIncident) -> Entry | None:
    """Return the newest update of an incident, cut where it is long; None without any."""
    if not shown.updates:
        return None
    return _entry(shown.updates[0], shown.statuses()[0], longest=_LONGEST)


def summary_of(shown: PublicIncident) -> str:
    """Return the first words of the newest update of an incident, without their marks."""
    if not shown.updates:
        return ""
    return cut(markdown(shown.updates[0].message).striptags(), _SUMMARY)


def markdown(text: str, *, longest: int | None = None) -> Markup:
    """Return a text as HTML, cut where it is longer, whose headings are none of the page's."""
    is_long = longest is not None and len(text) > longest
    shown = cut(text, _SUMMED_UP) if is_long else text
    # Nothing in a text becomes such an element but its own headings.
    html = _HEADING.sub(lambda found: "</p>" if found[1] else '<p class="heading">', html_of(shown))
    return Markup(html)  # noqa: S704 - the one module that makes Markdown safe made it


def maintenances_of(page: PublicPage, found: Sequence[PublicMaintenance], texts: Texts) -> list[dict[str, Any]]:
    """Return times of maintenance with their texts, systems and newest message."""
    return [
        {
            "name": shown.name,
            "title": isolated(shown.title),
            "instance": shown.instance,
            "html": markdown(shown.description, longest=_LONGEST) if shown.description else None,
            "news": shown.updates[0] if shown.updates else None,
            "message": markdown(shown.updates[0].message, longest=_LONGEST) if shown.updates else None,
            "systems": listed([page.named[each].name for each in shown.window.system_ids if each in page.named], texts),
        }
        for shown in found
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Past:
    """Something that is over, with the day on which it began."""

    at: datetime
    kind: str
    title: Markup
    #: The number of the incident; None for maintenance.
    reference: str | None
    ended_at: datetime | None
    summary: str = ""
    systems: Markup | str = ""


def past_of(page: PublicPage | None, incidents: Sequence[PublicIncident], texts: Texts) -> list[Past]:
    """Return incidents as a list of the past shows them."""
    return [
        Past(
            at=shown.incident.occurred_at,
            kind=shown.incident.severity,
            title=isolated(shown.incident.title),
            reference=shown.incident.reference,
            ended_at=shown.incident.resolved_at,
            summary=summary_of(shown),
            systems=names_of(page, shown, texts) if page is not None else "",
        )
        for shown in incidents
    ]


def past_maintenance(found: Sequence[PublicMaintenance]) -> list[Past]:
    """Return maintenance as a list of the past shows it."""
    return [
        Past(
            at=shown.instance.starts_at,
            kind="maintenance",
            title=isolated(shown.title),
            reference=None,
            ended_at=shown.instance.ends_at,
        )
        for shown in found
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Days:
    """A day with what began on it, or several days in a row on which nothing did."""

    first: datetime
    last: datetime
    items: Sequence[Past]


def by_day(items: Sequence[Past], *, since: datetime, until: datetime) -> list[Days]:
    """Return the days of a time, newest first; those on which nothing began, together."""
    of = {
        start: list(found)
        for start, found in groupby(
            sorted(items, key=lambda item: item.at, reverse=True), key=lambda item: _day(item.at)
        )
    }
    found: list[Days] = []
    day, first = _day(until), _day(since)
    while day >= first:
        if day in of or not found or found[-1].items:
            found.append(Days(first=day, last=day, items=of.get(day, ())))
        else:
            found[-1] = Days(first=day, last=found[-1].last, items=())
        day -= timedelta(days=1)
    return found


def _day(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _entry(update: IncidentUpdate, status: Status, *, longest: int | None = None) -> Entry:
    return Entry(
        status=status,
        at=update.created_at,
        html=markdown(update.message, longest=longest),
        edited_at=update.edited_at,
        is_cut=longest is not None and len(update.message) > longest,
    )
