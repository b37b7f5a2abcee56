"""The entries of a feed, whatever they are about: incidents, and maintenance that was announced."""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from domain.errors import InvalidInputError
from domain.markdown import html_of
from domain.model.announced import AnnouncedMaintenance, announced
from domain.model.maintenance import MaintenanceStatus
from domain.model.public_page import PublicIncident, PublicPage
from domain.model.recurrence import checked_zone
from domain.model.system import System
from domain.model.texts import cut
from gql.web.feeds.site import Site, urn_of

#: The most entries about maintenance that is not over, and about maintenance that is: as many as of incidents.
MOST_AHEAD, MOST_OVER = 100, 50
#: What is told of a description where another entry tells it in full: a rule has hundreds of times.
_SUMMED_UP = 1_000
_WORDS = {
    MaintenanceStatus.SCHEDULED: "Planned maintenance",
    MaintenanceStatus.ACTIVE: "Maintenance is under way",
    MaintenanceStatus.ENDED: "Maintenance has ended",
    MaintenanceStatus.CANCELLED: "Maintenance is cancelled",
}
_EVERYWHERE = {"UTC", "Etc/UTC"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """An entry of a feed."""

    #: Its URN, which stays.
    id: str
    #: Where people read it.
    url: str
    title: str
    published_at: datetime
    updated_at: datetime
    #: Its categories, each with what it is one of.
    categories: Sequence[tuple[str, str]]
    systems: Sequence[System]
    #: HTML that is safe on any page.
    content: str


def entries_of(page: PublicPage, site: Site) -> list[Entry]:
    """Return all entries of a page, newest first by their dates."""
    found = [_of_incident(shown, page.systems_of(shown.incident), site) for shown in page.incidents]
    maintenance = announced(page, most_ahead=MOST_AHEAD, most_over=MOST_OVER)
    found += [_of_maintenance(each, page.systems_of(each.shown.window), site) for each in maintenance]
    return sorted(found, key=lambda entry: (entry.updated_at, entry.published_at, entry.id), reverse=True)


def _of_incident(shown: PublicIncident, systems: Sequence[System], site: Site) -> Entry:
    incident = shown.incident
    parts = [f"<p>{incident.status.title()}, {incident.severity}</p>", _affected(systems)]
    for update, status in zip(shown.updates, shown.statuses(), strict=True):
        parts.append(f"<p><strong>{status.title()}</strong> ({_moment(update.created_at)})</p>")
        parts.append(html_of(update.message))
    if incident.description:
        parts.append(html_of(incident.description))
    return Entry(
        id=urn_of(incident.id),
        url=f"{site.url}/status/{incident.reference}",
        title=f"{incident.reference}: {incident.title}",
        published_at=incident.created_at,
        updated_at=shown.updated_at,
        categories=[("status", incident.status), ("severity", incident.severity)],
        systems=systems,
        content="".join(parts),
    )


def _of_maintenance(each: AnnouncedMaintenance, systems: Sequence[System], site: Site) -> Entry:
    shown, window, instance = each.shown, each.shown.window, each.shown.instance
    is_only = shown.name == window.id
    parts = [f"<p><strong>{_word(each)}</strong></p>", f"<p>{_times(each)}</p>", _affected(systems)]
    parts += [
        f"<p><strong>Update</strong> ({_moment(update.created_at)})</p>{html_of(update.message)}"
        for update in each.updates
    ]
    if shown.description:
        parts.append(html_of(shown.description if each.is_current else cut(shown.description, _SUMMED_UP)))
    return Entry(
        # Not of the instance's own id: other times of the window make others of it.
        id=urn_of(window.id, None if is_only else shown.name),
        url=f"{site.url}/status#{shown.name}",
        title=f"Maintenance: {shown.title}",
        published_at=each.published_at,
        updated_at=each.updated_at,
        categories=[("kind", "maintenance"), ("status", instance.status)],
        systems=systems,
        content="".join(parts),
    )


def _word(each: AnnouncedMaintenance) -> str:
    window, instance = each.shown.window, each.shown.instance
    word = _WORDS[instance.status]
    is_whole = window.recurrence is not None and window.cancelled_at is not None and each.is_current
    return f"{word}, with all times to come" if is_whole and instance.status is MaintenanceStatus.CANCELLED else word


def _times(each: AnnouncedMaintenance) -> str:
    """Return when it takes place: in UTC, and by the clocks of its window's zone."""
    instance, name = each.shown.instance, each.shown.window.time_zone
    told = _span(instance.starts_at.astimezone(UTC), instance.ends_at.astimezone(UTC), "UTC")
    try:
        zone = checked_zone(name)
    except InvalidInputError:
        # The window was made where more zones were known.
        return told
    if name in _EVERYWHERE:
        return told
    return f"{told}<br>{_span(instance.starts_at.astimezone(zone), instance.ends_at.astimezone(zone), name)}"


def _span(start: datetime, end: datetime, zone: str) -> str:
    last = f"{end:%H:%M}" if end.date() == start.date() else f"{end:%Y-%m-%d %H:%M}"
    return f"{start:%Y-%m-%d %H:%M} to {last} {html.escape(zone)}"


def _affected(systems: Sequence[System]) -> str:
    names = html.escape(", ".join(system.name for system in systems))
    return f"<p>Affects {names}</p>" if names else ""


def _moment(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
