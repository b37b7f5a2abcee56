"""Incidents that are open when a demonstration begins, with each step that was taken up to now."""

import random
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from domain.demo.history import PEOPLE, Plot, Step
from domain.ids import new_id
from domain.model.actor import Actor
from domain.model.incident import OPENING, HealthOverride, Incident, Severity, Status, canonical_systems
from domain.model.viewer import Visibility

AMINA, _, CHIARA, DENIZ, EMEKA, FREYA, _, HANA = PEOPLE
#: The automations of the demonstration reuse and resolve incidents with another key only.
_KEY = "scene"
#: The relation of the scene: the incident of the first title is caused by that of the second one.
EFFECT, CAUSE = "Orders from the app stay without a receipt", "Card payments are declined"


class Scene:
    """A teller of the incidents that are open, in the order in which they began. The systems are names by id."""

    #: How many there are.
    size = 4

    def __init__(self, systems: Mapping[str, str], *, now: datetime) -> None:
        self._ids = {name: identifier for identifier, name in systems.items()}
        self._now = now.replace(microsecond=now.microsecond // 1000 * 1000)

    def stories(self, first_number: int) -> list[list[Step]]:
        """Return the steps of each, numbered from that number on."""
        tellers = (self._search, self._mails, self._payments, self._app)
        return [tell(number) for number, tell in enumerate(tellers, start=first_number)]

    def _search(self, number: int) -> list[Step]:
        told = self._begin(
            number,
            "Search finds nothing in Polish and Czech",
            1570,
            by=CHIARA,
            systems=("Search",),
            severity=Severity.MINOR,
        )
        told.say("Searches with accents find nothing. Those without them work.", OPENING)
        told.at(1540).acknowledge(CHIARA)
        told.at(1480).say(
            "The new index was built without its rules for these languages.", Status.IDENTIFIED, by=CHIARA
        )
        told.at(1470).label(CHIARA, team="search", market="pl")
        told.at(95).say(
            "The index is being built again, which takes until the evening. Words without accents find everything.",
            Status.FIXING,
            by=CHIARA,
        )
        return told.steps

    def _mails(self, number: int) -> list[Step]:
        told = self._begin(
            number,
            "Receipts arrive up to an hour late",
            205,
            by=HANA,
            systems=("E-mail", "Event queue"),
            severity=Severity.MINOR,
        )
        told.say("Receipts and shipping notices are delayed. No mail is lost.", OPENING)
        told.at(198).acknowledge(HANA)
        told.at(190).say(
            "40,000 messages wait, and one of three consumers is dead since its restart.", None, internal=True
        )
        told.at(171).say("One of our mail workers had stopped.", Status.IDENTIFIED, by=HANA)
        told.at(164).label(HANA, team="messaging")
        told.at(38).say(
            "All workers run again. The last delayed mails go out now; we are watching.", Status.MONITORING, by=HANA
        )
        return told.steps

    def _payments(self, number: int) -> list[Step]:
        told = self._begin(
            number,
            CAUSE,
            47,
            by=AMINA,
            systems=("Payments", "Checkout"),
            severity=Severity.MAJOR,
            override=HealthOverride.UNHEALTHY,
        )
        told.say("Some cards are declined at the checkout. We are looking into it.", OPENING)
        told.at(45).acknowledge(DENIZ)
        told.at(44).change(DENIZ, lambda known: replace(known, severity=Severity.CRITICAL))
        told.at(43).change(
            DENIZ,
            lambda known: replace(known, lead=DENIZ, assignees=tuple(sorted((DENIZ, FREYA), key=lambda one: one.id))),
        )
        told.at(42).label(DENIZ, team="payments", region="eu")
        told.at(41).link(
            "Error rate of payments", "https://dashboards.example.com/d/payments", Visibility.INTERNAL, by=FREYA
        )
        told.at(40).say(
            "What we know:\n\n- **Every second** card payment fails since the new certificate is in place\n"
            "- The provider answers `403 certificate_unknown`\n- Transfers and vouchers work",
            None,
            by=FREYA,
            internal=True,
        )
        return self._payments_found(told)

    def _payments_found(self, told: "_Told") -> list[Step]:
        told.at(36).link("Call of the responders", "https://meet.example.com/payments", Visibility.LOGGED_IN, by=DENIZ)
        told.at(31).say(
            "For support: tell customers that transfers and vouchers work, and that nobody is charged twice.",
            None,
            by=DENIZ,
            visibility=Visibility.LOGGED_IN,
        )
        told.at(22).say(
            "Our payment provider does not accept our new certificate. Paying by transfer or voucher works.",
            Status.IDENTIFIED,
            by=DENIZ,
        )
        told.at(9).say(
            "We are moving card payments to our second provider. **Next word within half an hour.**",
            Status.FIXING,
            by=DENIZ,
        )
        return told.steps

    def _app(self, number: int) -> list[Step]:
        told = self._begin(number, EFFECT, 12, by=EMEKA, systems=("Mobile API", "Checkout"), severity=Severity.MAJOR)
        told.say("Orders from the app are accepted, but no receipt is shown. We are looking into it.", OPENING)
        told.at(11).label(EMEKA, team="mobile")
        return told.steps

    def _begin(
        self,
        number: int,
        title: str,
        minutes: float,
        *,
        by: Actor,
        systems: tuple[str, ...],
        severity: Severity,
        override: HealthOverride | None = None,
    ) -> "_Told":
        start = self._now - timedelta(minutes=minutes)
        incident = Incident(
            id=new_id("inc", millis=int(start.timestamp() * 1000)),
            number=number,
            title=title,
            description=None,
            status=OPENING,
            severity=severity,
            suppress_notifications=False,
            health_override=override,
            dedupe_key=_KEY,
            system_ids=canonical_systems([self._ids[name] for name in systems]),
            version=1,
            opened_by=by,
            occurred_at=start,
            created_at=start,
            updated_at=start,
        )
        return _Told(incident, by, self._now)


class _Told:
    """One story, each of whose steps is dated by the minutes since."""

    def __init__(self, incident: Incident, opener: Actor, now: datetime) -> None:
        self._plot = Plot(incident, opener, random.Random(0), now)  # noqa: S311 - nothing is left to chance
        self._now = now
        self._opener = opener
        self._moment = incident.created_at

    @property
    def steps(self) -> list[Step]:
        """All steps so far."""
        return self._plot.steps

    def at(self, minutes: float) -> "_Told":
        """Go on that many minutes before now."""
        self._moment = self._now - timedelta(minutes=minutes)
        self._plot.go_to(self._moment)
        return self

    def say(
        self,
        message: str,
        status: Status | None,
        *,
        by: Actor | None = None,
        visibility: Visibility = Visibility.PUBLIC,
        internal: bool = False,
    ) -> None:
        """Write a message, by default by who opened the incident."""
        seen = Visibility.INTERNAL if internal else visibility
        self._plot.note(message, status, visibility=seen, first=not self.steps, by=by or self._opener)

    def change(self, by: Actor, apply: Callable[[Incident], Incident]) -> None:
        """Change fields."""
        self._plot.change(apply, by=by)

    def acknowledge(self, by: Actor) -> None:
        """Acknowledge it."""
        self.change(by, lambda known: replace(known, acknowledged_at=self._moment, acknowledged_by=by))

    def label(self, by: Actor, **labels: str) -> None:
        """Set labels."""
        self.change(by, lambda known: replace(known, labels=tuple(sorted(labels.items()))))

    def link(self, label: str, url: str, visibility: Visibility, *, by: Actor) -> None:
        """Add a link."""
        self._plot.link(label, url, visibility=visibility, by=by)
