"""Announcements of changes to visitors: made when they are sent, of what the public may read by then."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from domain.entities.incident import INCIDENT
from domain.model.change import Change
from domain.model.incident import IncidentUpdate, Severity, Status
from domain.model.maintenance import Maintenance, MaintenanceUpdate
from domain.model.moment import iso
from domain.model.texts import cut
from domain.model.viewer import Audience
from domain.persistence.unit_of_work import ReadSession
from domain.visitors.news import News, NewsType, news_in

_AUDIENCE = Audience.PUBLIC
_LONGEST_SUBJECT = 200
_WHAT = {
    NewsType.PLANNED: "Planned maintenance",
    NewsType.CHANGED: "Maintenance changed",
    NewsType.STARTED: "Maintenance has begun",
    NewsType.ENDED: "Maintenance has ended",
    NewsType.CANCELLED: "Maintenance cancelled",
    NewsType.MESSAGE: "About maintenance",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """A public text with the moment at which it was written."""

    message: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcement:
    """An announcement: a headline, a few facts, and what was written."""

    type: NewsType
    entity_id: str
    #: The short name of an incident, which its page has; None for maintenance.
    reference: str | None = None
    headline: str
    facts: Sequence[str]
    texts: Sequence[Text]
    #: The same for programs.
    data: dict[str, Any]
    at: datetime


async def announcement_of(session: ReadSession, change: Change) -> Announcement | None:
    """Return the announcement of a change as of now; None where the public may not read it any more."""
    news = news_in(change)
    if news is None:
        return None
    return await (_of_incident if change.kind == INCIDENT.name else _of_maintenance)(session, change, news)


async def names_of(session: ReadSession, system_ids: Sequence[str]) -> list[str]:
    """Return the names of systems; those that are deleted are left out."""
    found = await session.systems.get_many(system_ids)
    return [found[identifier].name for identifier in system_ids if identifier in found]


async def _of_incident(session: ReadSession, change: Change, news: News) -> Announcement | None:
    incident = (await session.incidents.get_many([change.entity_id])).get(change.entity_id)
    if incident is None:
        return None
    texts = _readable((await session.timeline.get_many(news.update_ids)).values())
    if news.is_all_text and not texts:
        return None
    if news.type is NewsType.OPENED and incident.description:
        texts.insert(0, Text(message=incident.description, at=incident.created_at))
    state = change.next or {}
    status, severity = Status(state["status"]), Severity(state["severity"])
    names = await names_of(session, state["system_ids"])
    about = {
        "id": incident.id,
        "reference": incident.reference,
        "title": incident.title,
        "status": status,
        "severity": severity,
        "systems": names,
    }
    return Announcement(
        type=news.type,
        entity_id=incident.id,
        reference=incident.reference,
        headline=cut(f"{_incident_word(news, status)}: {incident.title}", _LONGEST_SUBJECT),
        facts=[f"{incident.reference}, {status}, {severity}", *_affected(names)],
        texts=texts,
        data={"incident": about, "updates": _as_data(texts)},
        at=change.occurred_at,
    )


async def _of_maintenance(session: ReadSession, change: Change, news: News) -> Announcement | None:
    window = (await session.maintenance.get_many([change.entity_id])).get(change.entity_id)
    if window is None or not _AUDIENCE.sees(window.visibility):
        return None
    texts = _readable((await session.maintenance.get_updates(news.update_ids)).values())
    if news.is_all_text and not texts:
        return None
    if news.type in {NewsType.PLANNED, NewsType.STARTED} and window.description:
        texts.insert(0, Text(message=window.description, at=window.created_at))
    starts, ends = _times_of(change, window)
    names = await names_of(session, window.system_ids)
    about = {
        "id": window.id,
        "title": window.title,
        "startsAt": iso(starts),
        "endsAt": iso(ends),
        "systems": names,
    }
    return Announcement(
        type=news.type,
        entity_id=window.id,
        headline=cut(f"{_WHAT[news.type]}: {window.title}", _LONGEST_SUBJECT),
        facts=[f"From {_moment(starts)} to {_moment(ends)}", *_affected(names)],
        texts=texts,
        data={"maintenance": about, "updates": _as_data(texts)},
        at=change.occurred_at,
    )


def _readable(updates: Iterable[IncidentUpdate | MaintenanceUpdate]) -> list[Text]:
    """Return the texts of those updates that the public may read now, oldest first."""
    ordered = sorted(updates, key=lambda update: (update.created_at, update.id))
    return [
        Text(message=update.message, at=update.created_at) for update in ordered if _AUDIENCE.sees(update.visibility)
    ]


def _times_of(change: Change, window: Maintenance) -> tuple[datetime, datetime]:
    """Return the times of the instance that began or ended with a change, where one did; else of the first."""
    payload = change.payload or {}
    if not payload.get("originalStart"):
        return window.starts_at, window.ends_at
    starts, ends = (datetime.fromisoformat(payload[name]) for name in ("startsAt", "endsAt"))
    return starts, ends


def _as_data(texts: Sequence[Text]) -> list[dict[str, str]]:
    return [{"message": text.message, "createdAt": iso(text.at)} for text in texts]


def _incident_word(news: News, status: Status) -> str:
    if news.type is NewsType.OPENED:
        return "New incident"
    return "More systems affected" if news.type is NewsType.SPREAD else status.capitalize()


def _affected(names: Sequence[str]) -> list[str]:
    return [f"Affects {', '.join(names)}"] if names else []


def _moment(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
