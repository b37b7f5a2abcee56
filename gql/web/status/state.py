"""The state of everything in one sentence, and how bad it is."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from markupsafe import Markup, escape

from domain.model.incident import Health, Severity
from domain.model.public_page import PublicIncident, PublicMaintenance, PublicPage, PublicSystem
from domain.model.texts import cut
from gql.web.status.texts import Texts

#: From best to worst.
KINDS = ("none", "good", "maintenance", "minor", "major", "critical")
_OF_SEVERITY = {Severity.MINOR: "minor", Severity.MAJOR: "major", Severity.CRITICAL: "critical"}
_OF_HEALTH = {Health.HEALTHY: "good", Health.DEGRADED: "minor", Health.UNHEALTHY: "major"}
#: Of these, nothing stands behind a sentence.
_ENDS = (".", "!", "?", "…", "\u3002", "\u061f", "\uff01", "\uff1f")
_MOST_NAMES, _LONGEST_NAME = 6, 60


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The sentence of a page, with its kind and what stands below it."""

    kind: str
    sentence: Markup
    details: Sequence[Markup]


def state_of(page: PublicPage, texts: Texts, now: datetime) -> State:
    """Return the state of all systems: the worst open incident, else the systems' health, else maintenance."""
    trouble = [shown for shown in page.systems if not shown.is_under_maintenance]
    kinds = [_OF_SEVERITY[shown.incident.severity] for shown in page.open]
    kinds += [_OF_HEALTH[shown.health] for shown in trouble]
    kinds += ["maintenance"] if page.active or len(trouble) < len(page.systems) else []
    kind = max(kinds, key=KINDS.index, default="none")
    if page.open:
        return _of_incidents(page, kind, texts, now)
    for health, key in ((Health.UNHEALTHY, "state.down"), (Health.DEGRADED, "state.slow")):
        names = [shown.system.name for shown in trouble if shown.health is health]
        if names:
            since = [shown.since for shown in trouble if shown.health is health and shown.since]
            return State(kind=kind, sentence=_counted(key, names, texts), details=_since(since, texts, now))
    if kind == "maintenance":
        told = [_until(shown, texts, now) for shown in page.active]
        return State(kind=kind, sentence=texts.say("state.maintenance"), details=told)
    details = [texts.say("state.none_more")] if kind == "none" else []
    return State(kind=kind, sentence=texts.say(f"state.{kind}"), details=details)


def state_of_system(shown: PublicSystem, texts: Texts) -> State:
    """Return the state of one system: its name, and its health in a word."""
    word = "maintenance" if shown.is_under_maintenance else shown.health.value
    return State(kind=kind_of(shown), sentence=isolated(shown.system.name), details=[texts.say(f"health.{word}")])


def kind_of(shown: PublicSystem) -> str:
    """Return the kind of a system's mark."""
    return "maintenance" if shown.is_under_maintenance else shown.health.value


def isolated(text: str) -> Markup:
    """Return a text of unknown direction, which does not change that of the text around it."""
    return Markup("<bdi>{}</bdi>").format(text)


def names_of(page: PublicPage, shown: PublicIncident, texts: Texts) -> Markup:
    """Return the systems that an incident affects, the first of them by name."""
    return listed([system.name for system in page.systems_of(shown.incident)], texts)


def listed(names: Sequence[str], texts: Texts) -> Markup:
    """Return the first of these names, and how many more there are."""
    found = [isolated(cut(name, _LONGEST_NAME)) for name in names[:_MOST_NAMES]]
    rest = len(names) - len(found)
    return texts.listed([*found, *([escape(f"+{rest}")] if rest else [])])


def worst_first(shown: Sequence[PublicIncident]) -> list[PublicIncident]:
    """Return incidents by their severity, and of the same severity the newest first."""
    return sorted(shown, key=lambda each: (-each.incident.severity.rank, -each.incident.number))


def as_sentence(title: str) -> Markup:
    """Return a title with the point that ends a sentence."""
    return Markup("{}{}").format(isolated(title), "" if title.endswith(_ENDS) else ".")


def _of_incidents(page: PublicPage, kind: str, texts: Texts, now: datetime) -> State:
    worst = worst_first(page.open)[0]
    incident = worst.incident
    words = [texts.say(f"severity.{incident.severity}"), texts.say(f"status.{incident.status}")]
    since = texts.say("state.since", at=texts.moment(incident.occurred_at, now))
    details = [Markup(" · ").join([*map(escape, words), since])]
    names = names_of(page, worst, texts)
    if names:
        details.append(texts.say("state.affects", systems=names))
    others = len(page.open) - 1
    if others:
        details.append(texts.say("state.more", n=others))
    return State(kind=kind, sentence=as_sentence(incident.title), details=details)


def _counted(key: str, names: Sequence[str], texts: Texts) -> Markup:
    """Return a sentence about the first of these names and the number of the others."""
    form = "one" if len(names) == 1 else "other"
    return texts.say(f"{key}.{form}", name=isolated(names[0]), count=len(names) - 1)


def _since(moments: Sequence[datetime], texts: Texts, now: datetime) -> list[Markup]:
    return [texts.say("state.since", at=texts.moment(min(moments), now))] if moments else []


def _until(shown: PublicMaintenance, texts: Texts, now: datetime) -> Markup:
    at = texts.moment(shown.instance.ends_at, now)
    return texts.say("state.maintenance_until", title=isolated(shown.title), at=at)
