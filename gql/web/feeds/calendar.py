"""The calendar of maintenance (RFC 5545): an event for each time that a window takes place, cancelled ones included."""

from datetime import timedelta

from icalendar import Calendar, Event

from domain.model.maintenance import MaintenanceStatus
from domain.model.public_page import PublicMaintenance, PublicPage
from domain.model.texts import cut
from gql.web.feeds.site import Site

MEDIA_TYPE = "text/calendar"
#: What an event tells of its description, but for the one that is told in full: a rule has hundreds of events.
_SUMMED_UP = 1_000
_REFRESHED = timedelta(minutes=15)


def calendar(page: PublicPage, site: Site) -> bytes:
    """Return the calendar of a page.

    Its events are instances and no rules: those are expanded already, by the clocks of their zones, and what was
    changed or cancelled is the event itself.
    """
    found = Calendar()
    found.add("version", "2.0")
    found.add("prodid", "-//IncidentQL//Maintenance//EN")
    found.add("x-wr-calname", site.name)
    found.add("name", site.name)
    found.add("refresh-interval", _REFRESHED, parameters={"value": "DURATION"})
    told = {shown.name for shown in page.current}
    for shown in page.maintenances:
        systems = [page.named[system].name for system in shown.window.system_ids if system in page.named]
        found.add_component(_event(shown, systems, site, is_told=shown.name in told))
    return bytes(found.to_ical())


def _event(shown: PublicMaintenance, systems: list[str], site: Site, *, is_told: bool) -> Event:
    """Return an event, with its whole description, and the messages about its window, where these are told in it."""
    window, instance = shown.window, shown.instance
    event = Event()
    event.add("uid", f"{shown.name}@incidentql")
    event.add("dtstamp", window.updated_at)
    event.add("last-modified", window.updated_at)
    event.add("created", window.created_at)
    event.add("dtstart", instance.starts_at)
    event.add("dtend", instance.ends_at)
    event.add("summary", shown.title)
    description = shown.description or ""
    texts = [
        description if is_told else cut(description, _SUMMED_UP),
        f"Systems: {', '.join(systems)}" if systems else None,
    ]
    texts += [f"{update.created_at:%Y-%m-%d %H:%M} UTC: {update.message}" for update in shown.updates if is_told]
    event.add("description", "\n\n".join(text for text in texts if text))
    event.add("url", f"{site.url}/status")
    # Every change of the window raises it, a new time among them.
    event.add("sequence", window.version)
    event.add("status", "CANCELLED" if instance.status is MaintenanceStatus.CANCELLED else "CONFIRMED")
    event.add("transp", "TRANSPARENT")
    return event
