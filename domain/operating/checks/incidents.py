"""The check of incidents: status and times by the timeline, and claims, numbers, links and words by both."""

from collections.abc import AsyncIterator, Iterator, Sequence

from domain.model.incident import Incident, digest_of
from domain.model.timeline import Mark, settled
from domain.model.viewer import Visibility
from domain.operating.findings import Damage, Finding
from domain.operating.scope import Scope, shown
from domain.persistence.incident_parts import (
    claims_of,
    largest_number,
    marks_of,
    strange_texts,
    texts_of,
)
from domain.persistence.inspecting import Row, unindexed, walk, walk_ids
from domain.persistence.search import search_body
from domain.persistence.tables import incident_links, incident_updates
from domain.services.incidents import header_of

_FOLLOWING = ("status", "identified_at", "fixing_at", "monitoring_at", "resolved_at", "acknowledged_at")


async def check_incidents(scope: Scope) -> AsyncIterator[Finding]:
    """Find incidents that contradict their timeline, claims or words."""
    session = scope.session
    async for ids in walk_ids(session.connection, "incidents.id"):
        found = await session.incidents.get_many(ids)
        marks = await marks_of(session.connection, ids)
        claims = await claims_of(session.connection, ids)
        words = await texts_of(session.connection, ids)
        for incident in found.values():
            subject = f"incident {incident.id} ({incident.reference})"
            for finding in (
                *_by_timeline(incident, marks.get(incident.id, []), subject),
                *_by_claims(incident, claims.get(incident.id, []), subject),
                *_by_words(subject, words.get(incident.id), Visibility.PUBLIC, header_of(incident)),
            ):
                yield finding


async def check_entries(scope: Scope) -> AsyncIterator[Finding]:
    """Find entries of timelines that the search knows by other words, or not."""
    columns = [incident_updates.c[name] for name in ("id", "message", "visibility")]
    async for rows in walk(scope.session.connection, columns, keys=["id"]):
        scope.counted["entries"] += len(rows)
        words = await texts_of(scope.session.connection, [row["id"] for row in rows])
        for row in rows:
            subject = f"entry {row['id']}"
            for finding in _by_words(subject, words.get(row["id"]), Visibility(row["visibility"]), row["message"]):
                yield finding


async def check_search(scope: Scope) -> AsyncIterator[Finding]:
    """Find texts of the search that belong to nothing, and those that its index does not have."""
    async for entry_id in strange_texts(scope.session.connection):
        yield Finding(damage=Damage.SEARCH, subject=f"text of {entry_id}", expected="none", found="one of nothing")
    for entry_id in await unindexed(scope.session.connection):
        yield Finding(damage=Damage.SEARCH, subject=f"index of {entry_id}", expected="as the text", found="another")


async def check_links(scope: Scope) -> AsyncIterator[Finding]:
    """Find links that are not found by their address."""
    columns = [incident_links.c[name] for name in ("id", "url", "url_digest")]
    async for rows in walk(scope.session.connection, columns, keys=["id"]):
        for row in rows:
            if row["url_digest"] != (expected := digest_of(row["url"])):
                subject = f"link {row['id']}, digest"
                yield Finding(damage=Damage.LINK, subject=subject, expected=expected, found=row["url_digest"])


async def check_numbers(scope: Scope) -> AsyncIterator[Finding]:
    """Find a counter of incidents that would give a number again."""
    largest, counter = await largest_number(scope.session.connection)
    if counter is None or counter < largest:
        subject, found = "counter of incidents", shown(counter)
        yield Finding(damage=Damage.NUMBER, subject=subject, expected=f"{largest} or more", found=found)


def _by_timeline(incident: Incident, marks: Sequence[Mark], subject: str) -> Iterator[Finding]:
    following, read = settled(incident, marks)
    for name in _FOLLOWING:
        expected, found = getattr(following, name), getattr(incident, name)
        if expected != found:
            yield Finding(
                damage=Damage.TIMELINE, subject=f"{subject}, {name}", expected=shown(expected), found=shown(found)
            )
    stored = {mark.id: mark for mark in marks}
    for mark in read:
        if mark.is_comment is not stored[mark.id].is_comment:
            expected, found = ("a comment", "a step")[:: 1 if mark.is_comment else -1]
            yield Finding(damage=Damage.TIMELINE, subject=f"entry {mark.id}", expected=expected, found=found)


def _by_claims(incident: Incident, claims: Sequence[tuple[str, str]], subject: str) -> Iterator[Finding]:
    """Return claims that an incident has no right to; one that it lacks may be another one's."""
    for system_id, key in claims:
        if not incident.is_open or system_id not in incident.system_ids or key != incident.dedupe_key:
            expected = f"one on its systems by {incident.dedupe_key!r}" if incident.is_open else "none: it is resolved"
            found = f"{system_id} by {key!r}"
            yield Finding(damage=Damage.CLAIM, subject=f"{subject}, claim", expected=expected, found=found)


def _by_words(subject: str, entry: Row | None, visibility: Visibility, text: str) -> Iterator[Finding]:
    named = f"{subject}, words"
    if entry is None:
        yield Finding(damage=Damage.SEARCH, subject=named, expected="an entry of the search", found="none")
    elif entry["body"] != (body := search_body(text)):
        yield Finding(damage=Damage.SEARCH, subject=named, expected=shown(body), found=shown(entry["body"]))
    elif entry["visibility"] != visibility:
        yield Finding(damage=Damage.SEARCH, subject=named, expected=visibility, found=entry["visibility"])
