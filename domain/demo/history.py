"""Made-up pasts of incidents, step by step, for demonstrations and load tests."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from domain.ids import new_id
from domain.model.actor import Actor, ActorType
from domain.model.change import Touched
from domain.model.incident import (
    OPENING,
    HealthOverride,
    Incident,
    IncidentLink,
    IncidentUpdate,
    Severity,
    Status,
    canonical_systems,
)
from domain.model.viewer import Visibility

#: The systems of the demonstration: key, name and description.
SYSTEMS = (
    ("api-gateway", "API gateway", "Where every request comes in"),
    ("checkout", "Checkout", "Baskets, orders and receipts"),
    ("payments", "Payments", "Cards, transfers and refunds"),
    ("search", "Search", "The product search and its index"),
    ("login", "Login", "Sign-in, sessions and tokens"),
    ("email", "E-mail", "Mails to customers"),
    ("cdn", "CDN", "Pictures, scripts and styles"),
    ("orders-db", "Orders database", "The primary and its replicas"),
    ("event-queue", "Event queue", "Messages between services"),
    ("mobile-api", "Mobile API", "What the apps talk to"),
    ("reporting", "Reporting", "Dashboards and nightly reports"),
    ("webhooks", "Webhooks", "Deliveries to partners"),
)
_NAMES = (
    "Amina Diallo",
    "Bogdan Ilić",
    "Chiara Romano",
    "Deniz Kaya",
    "Emeka Obi",
    "Freya Lindqvist",
    "Goran Novak",
    "Hana Sato",
)
#: Those who respond to incidents in the demonstration.
PEOPLE = tuple(Actor(type=ActorType.USER, id=f"usr_{name.split()[0].lower()}", name=name) for name in _NAMES)
#: (title, symptom, cause, cure)
_STORIES = (
    ("Requests to {system} time out", "p99 is above 10 s", "a connection pool ran dry", "raised the pool size"),
    ("{system} answers with 500", "one request in five fails", "a bad release", "rolled the release back"),
    ("{system} is slow", "latency doubled since this morning", "a query lost its index", "rebuilt the index"),
    ("No new data in {system}", "the last row is an hour old", "a consumer hung", "restarted the consumer"),
    ("Certificate of {system} expired", "clients refuse to connect", "renewal had failed", "renewed it by hand"),
    ("{system} runs out of disk", "92 % full and growing", "logs were not rotated", "rotated and resized"),
    ("Errors after the deploy of {system}", "new exceptions in the log", "a missing setting", "set it and redeployed"),
    ("{system} drops connections", "resets every few minutes", "a failing load balancer", "took it out of rotation"),
)
_NOTES = (
    "Still looking. Nothing in the logs so far.",
    "Support has eleven tickets about this.",
    "Only customers in one region are affected.",
    "A second pair of eyes is on it.",
    "The error rate is going down slowly.",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One change of an incident: time, actor, state before and after, and the entry or link that it added."""

    at: datetime
    actor: Actor
    before: Incident | None
    after: Incident
    update: IncidentUpdate | None = None
    link: IncidentLink | None = None

    @property
    def touched(self) -> tuple[Touched, ...]:
        """The parts that the step added."""
        parts = (("updates", self.update), ("links", self.link))
        return tuple(Touched(part=name, id=part.id, after=part.visibility) for name, part in parts if part is not None)


class Historian:
    """A maker of stories about systems, given as names by id; the same seed and moments give the same stories."""

    def __init__(self, systems: dict[str, str], *, seed: int) -> None:
        self._systems = systems
        self._ids = sorted(systems)
        self._random = random.Random(seed)  # noqa: S311 - stories, not secrets
        # Of its own: how many moments are taken before a story makes no difference to the story.
        self._moments = random.Random(f"moments {seed}")  # noqa: S311

    def starts(self, count: int, *, now: datetime, days: int) -> Iterator[datetime]:
        """Yield that many moments within the last days, oldest first, a little denser towards now."""
        span = timedelta(days=days)
        for index in range(count):
            share = ((index + self._moments.random()) / count) ** 0.8
            moment = now - span + span * share
            yield moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def _some_systems(self) -> list[str]:
        count = self._random.choices((1, 2, 3), weights=(70, 24, 6))[0]
        return self._random.sample(self._ids, min(count, len(self._ids)))

    def story(self, number: int, start: datetime, *, now: datetime) -> list[Step]:
        """Return the steps of one incident up to now, oldest first."""
        pick = self._random
        opener = pick.choice(PEOPLE)
        chosen = self._some_systems()
        title, symptom, cause, cure = pick.choice(_STORIES)
        severity = pick.choices(tuple(Severity), weights=(45, 40, 15))[0]
        incident = Incident(
            id=new_id("inc", millis=int(start.timestamp() * 1000)),
            number=number,
            title=title.format(system=self._systems[chosen[0]]),
            description=f"First seen: {symptom}.",
            status=OPENING,
            severity=severity,
            suppress_notifications=pick.random() < 0.05,  # noqa: PLR2004
            health_override=pick.choice(tuple(HealthOverride)) if severity is Severity.CRITICAL else None,
            dedupe_key="",
            system_ids=canonical_systems(chosen),
            version=1,
            opened_by=opener,
            occurred_at=start,
            created_at=start,
            updated_at=start,
        )
        plot = Plot(incident, opener, pick, now)
        plot.note(f"We are looking into it: {symptom}.", OPENING, first=True)
        plot.wait(4, 20)
        if pick.random() < 0.25:  # noqa: PLR2004
            plot.change(lambda known: replace(known, severity=pick.choice(tuple(Severity))))
        if pick.random() < 0.4:  # noqa: PLR2004
            plot.note(pick.choice(_NOTES), None, visibility=pick.choice(tuple(Visibility)))
        if pick.random() < 0.35:  # noqa: PLR2004
            plot.link("Dashboard", f"https://dashboards.example.com/d/{number}")
        plot.wait(5, 40)
        plot.note(f"The cause is known: {cause}.", Status.IDENTIFIED)
        plot.wait(5, 60)
        plot.note(f"We {cure} and are watching.", Status.MONITORING)
        plot.wait(10, 90)
        plot.note("Everything works again.", Status.RESOLVED)
        return plot.steps


class Plot:
    """A writer of one story's steps, up to now."""

    def __init__(self, incident: Incident, opener: Actor, pick: random.Random, now: datetime) -> None:
        self.steps: list[Step] = []
        self._incident = incident
        self._opener = opener
        self._random = pick
        self._now = now
        self._at = incident.created_at

    def go_to(self, moment: datetime) -> None:
        """Go on at that moment."""
        self._at = moment

    def wait(self, least: int, most: int) -> None:
        """Let some minutes pass; now and then hours."""
        minutes = self._random.uniform(least, most) * (8 if self._random.random() < 0.08 else 1)  # noqa: PLR2004
        moment = self._at + timedelta(minutes=minutes)
        self._at = moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def note(
        self,
        message: str,
        status: Status | None,
        *,
        visibility: Visibility = Visibility.PUBLIC,
        first: bool = False,
        by: Actor | None = None,
    ) -> None:
        """Add an entry to the timeline, with the status that it brings; anybody may write it but the first one."""
        author = self._opener if first else by or self._random.choice(PEOPLE)
        entry = IncidentUpdate(
            id=new_id("upd", millis=self._millis),
            incident_id=self._incident.id,
            message=message,
            status_change=status,
            visibility=visibility,
            created_at=self._at,
            created_by=author,
            is_opening=first,
        )
        moved = self._incident if status is None else self._incident.with_status(status, at=self._at)
        self._step(author, moved, first=first, update=entry)

    def change(self, apply: Callable[[Incident], Incident], *, by: Actor | None = None) -> None:
        """Change fields; do nothing if they stay the same."""
        after = apply(self._incident)
        if after != self._incident:
            self._step(by or self._random.choice(PEOPLE), after)

    def link(
        self, label: str, url: str, *, visibility: Visibility = Visibility.PUBLIC, by: Actor | None = None
    ) -> None:
        """Add a link."""
        link = IncidentLink(
            id=new_id("lnk", millis=self._millis),
            incident_id=self._incident.id,
            label=label,
            url=url,
            visibility=visibility,
            created_at=self._at,
        )
        self._step(by or self._random.choice(PEOPLE), self._incident, link=link)

    @property
    def _millis(self) -> int:
        return int(self._at.timestamp() * 1000)

    def _step(
        self,
        actor: Actor,
        after: Incident,
        *,
        first: bool = False,
        update: IncidentUpdate | None = None,
        link: IncidentLink | None = None,
    ) -> None:
        if self._at > self._now:
            return
        before = None if first else self._incident
        if before is not None:
            after = replace(after, version=before.version + 1, updated_at=self._at)
        self.steps.append(Step(at=self._at, actor=actor, before=before, after=after, update=update, link=link))
        self._incident = after
