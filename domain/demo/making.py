"""The making of pasts: from stories to the rows that a database is given, a batch at a time, and without a database."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

from domain.clock import Clock
from domain.demo.chronicle import Recorded, changes_of
from domain.demo.health import HealthChronicler, spans_of
from domain.demo.history import Historian, Step
from domain.demo.outages import Report
from domain.demo.scene import Scene
from domain.entities.derivers import DeriverRegistry
from domain.entities.handle import Applied, EntityHandle
from domain.entities.health import HEALTH
from domain.entities.health import snapshot_of as snapshot_of_health
from domain.entities.incident import INCIDENT, snapshot_of
from domain.entities.kinds import KINDS, registry_of
from domain.entities.masking import SecretMasker
from domain.entities.origin import Origin
from domain.model.actor import Actor, ActorType
from domain.model.health import SystemHealth
from domain.model.health_effects import Effect, effect_of
from domain.model.health_history import HealthSpan
from domain.model.incident import Incident
from domain.model.viewer import Visibility
from domain.persistence.changes import bound_log
from domain.persistence.engines import dialect_of
from domain.persistence.incidents import bound_incidents
from domain.persistence.links import bound_links
from domain.persistence.prepared import Bound
from domain.persistence.search import bound_texts
from domain.persistence.timeline import bound_entries
from domain.services.incidents import header_of

_MONITOR = Origin(actor=Actor(type=ActorType.APPLICATION, id="monitor", name="Monitor"))
_BATCH = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The outline of a past, from which all of its batches follow but for ids and numbers."""

    #: Names by id.
    systems: Mapping[str, str]
    incidents: int
    now: datetime
    days: int
    seed: int
    #: Health reports, oldest first.
    reports: Sequence[Report]
    sqlite: bool
    #: Whether incidents follow that are open, of the scene that a demonstration begins with.
    scene: bool = False
    #: How many incidents are written in one transaction.
    batch: int = _BATCH

    @property
    def sizes(self) -> list[int]:
        """The number of incidents in each batch."""
        whole, rest = divmod(self.incidents, self.batch)
        sizes = [self.batch] * whole + [rest] * (rest > 0)
        # With the last ones, because all changes of a batch are in the order of time.
        return [*sizes[:-1], sizes[-1] + Scene.size] if self.scene and sizes else sizes


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """The part of a past that one transaction writes."""

    incidents: int
    rows: list[Bound]
    log: list[Bound]
    #: The open ones among the incidents: id, systems and key.
    claims: list[tuple[str, tuple[str, ...], str]]
    #: The last report of each system that has one here.
    health: list[SystemHealth]
    #: The reports here, and the spans of the incidents here.
    reports: list[Effect]
    spans: list[HealthSpan]


class Maker:
    """A maker of a past's batches, one after another, oldest first."""

    def __init__(self, plan: Plan) -> None:
        self._now = plan.now
        self._historian = Historian(dict(plan.systems), seed=plan.seed)
        starts = self._historian.starts(plan.incidents, now=plan.now, days=plan.days)
        self._batches = _batches(starts, plan.batch, until=plan.now)
        self._reports = list(plan.reports)
        self._scribe = Scribe(sqlite=plan.sqlite)
        self._scene = Scene(plan.systems, now=plan.now) if plan.scene else None

    def make(self, first_number: int) -> Batch:
        """Return the next batch, its incidents numbered from this number on."""
        starts, until = next(self._batches)
        due = [report for report in self._reports if report.at < until]
        self._reports = self._reports[len(due) :]
        numbered = enumerate(starts, start=first_number)
        stories = [self._historian.story(number, start, now=self._now) for number, start in numbered]
        scene = self._scene.stories(first_number + len(starts)) if self._scene and until == self._now else []
        return self._scribe.batch(stories, due, scene=scene)


class Scribe:
    """A writer of stories and reports as rows, history and log: what their handles would have recorded."""

    def __init__(self, *, sqlite: bool) -> None:
        registry = registry_of(KINDS, clock=Clock(), derivers=DeriverRegistry(), masker=SecretMasker())
        self._health: EntityHandle[SystemHealth] = registry.handle(HEALTH)
        self._incidents: EntityHandle[Incident] = registry.handle(INCIDENT)
        self._dialect = dialect_of(sqlite=sqlite)
        self._chronicler = HealthChronicler()

    def batch(
        self, stories: Sequence[Sequence[Step]], reports: Sequence[Report], *, scene: Sequence[Sequence[Step]] = ()
    ) -> Batch:
        """Return the batch of these stories and reports, all changes in the order of time."""
        told = [*stories, *scene]
        ends = [story[-1].after for story in told]
        steps = sorted((step for story in told for step in story), key=lambda step: step.at)
        entries = [step.update for step in steps if step.update is not None]
        headers = [(end.id, end.id, Visibility.PUBLIC, header_of(end)) for end in ends]
        texts = [(entry.id, entry.incident_id, entry.visibility, entry.message) for entry in entries]
        recorded = [
            *(change for story in stories for change in changes_of(story)),
            *(change for story in scene for change in self._of_story(story)),
            *self._of_reports(reports),
        ]
        recorded.sort(key=lambda record: record[0].occurred_at)
        recorded = [(self._chronicler.noted(change), steps) for change, steps in recorded]
        effects = [effect_of(change) for change, _ in recorded if change.kind == HEALTH.name]
        return Batch(
            incidents=len(ends),
            rows=[
                *bound_incidents(self._dialect, ends),
                bound_entries(self._dialect, entries),
                bound_links(self._dialect, (step.link for step in steps if step.link is not None)),
                bound_texts(self._dialect, [*headers, *texts]),
            ],
            log=bound_log(self._dialect, recorded),
            claims=[(end.id, end.system_ids, end.dedupe_key) for end in ends if end.is_open],
            health=list({report.after.system_id: report.after for report in reports}.values()),
            reports=[effect for effect in effects if effect is not None],
            spans=spans_of(ends),
        )

    def _of_story(self, story: Sequence[Step]) -> Iterator[Recorded]:
        """Yield the changes of any story, also such as no other story has; it takes longer than `changes_of`."""
        for step in story:
            before = snapshot_of(step.before) if step.before is not None else None
            applied = Applied(after=snapshot_of(step.after), touched=step.touched)
            recorded = self._incidents.replay(
                step.after.id, before, applied, origin=Origin(actor=step.actor), at=step.at
            )
            if recorded is not None:
                yield recorded

    def _of_reports(self, reports: Sequence[Report]) -> Iterator[Recorded]:
        for report in reports:
            before = snapshot_of_health(report.before) if report.before is not None else None
            applied = Applied(after=snapshot_of_health(report.after))
            recorded = self._health.replay(report.after.system_id, before, applied, origin=_MONITOR, at=report.at)
            if recorded is not None:
                yield recorded


def _batches(starts: Iterator[datetime], size: int, *, until: datetime) -> Iterator[tuple[list[datetime], datetime]]:
    """Yield the starts of each batch, with the first one of the next batch or that last moment."""
    batch = list(islice(starts, size))
    while batch:
        following = list(islice(starts, size))
        yield batch, following[0] if following else until
        batch = following
