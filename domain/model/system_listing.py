"""Live lists of systems: what their own changes, reports of health and incidents that set health do to them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, replace
from typing import Any

from typing_extensions import override

from domain.model.change import Change
from domain.model.health import HealthStep
from domain.model.incident import Health, Status
from domain.model.listing import Entry, Facts, Listing, Past, Place, Step
from domain.model.selection import AllOf, Listed, Selection
from domain.model.system import OVERRIDES_SHOWN, CatalogFilter

_KIND, _REPORTS, _INCIDENTS, _MAINTENANCE = "system", "health", "incident", "maintenance"
_NAME = "name"
#: The fields of an incident, besides those that say whether it sets any health, that its systems show.
_SHOWN = frozenset({"health_override", "title"})
_SET = Listed(
    name="health_overrides",
    selection=Selection(view="active_health_override", columns=("incident_id", "status", "incident_title")),
)

Override = tuple[str, str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemVersion:
    """All by which a change of a system, or of its health, shows."""

    #: The version of the system, and that of its reported health; 0 where there is no report.
    system: int
    report: int = 0
    #: The incidents that set its health, with that and their titles.
    overrides: frozenset[Override] = frozenset()
    under_maintenance: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class SystemListing(Listing):
    """The request for a live list of the systems that match a filter."""

    wanted: CatalogFilter
    #: Whether the database orders texts by code points. Where it does not, it alone knows where a name stands.
    compares_names: bool = True

    @property
    @override
    def kind(self) -> str:
        """The name of their view."""
        return _KIND

    @property
    @override
    def logged(self) -> tuple[str, ...]:
        """Changes of systems, of what makes their health, and of their maintenance."""
        return (_KIND, _REPORTS, _INCIDENTS, _MAINTENANCE)

    @property
    @override
    def rows(self) -> AllOf:
        """The rows of all systems that match."""
        return AllOf(order=self.order, catalog=self.wanted)

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        """The columns of an entry."""
        return ("id", "version", "health_reported_version", "under_maintenance", *self.order_fields)

    @property
    @override
    def facts(self) -> tuple[str, ...]:
        """All that says whether it belongs to the list, but its health, and where."""
        return ("id", "key", *sorted({_NAME, *self.order_fields}))

    @property
    @override
    def lists(self) -> tuple[Listed, ...]:
        """Return what sets its health."""
        return (_SET,)

    @override
    def read(self, values: Sequence[Any]) -> Entry:
        """Return the entry of a row."""
        identifier, version, report, maintained, *placed, overrides = values
        facts = dict(zip(self.order_fields, placed, strict=True))
        made = SystemVersion(
            system=version,
            report=report or 0,
            overrides=frozenset(map(tuple, overrides)),
            under_maintenance=bool(maintained),
        )
        return Entry(identifier, made, self.place(identifier, facts))

    @override
    def concerned(self, change: Change) -> Collection[str]:
        """Return the systems that a change is about, as far as that can be known without the database."""
        if change.kind == _KIND:
            return (change.entity_id,) if self._names(change.before) or self._names(change.after) else ()
        return touched_systems(change)

    @override
    def entries(self, rows: Iterable[Sequence[Any]]) -> tuple[Entry, ...]:
        """Return the entries of rows; by their numbers where only the database compares what they are ordered by."""
        found = super(SystemListing, self).entries(rows)
        if self._compares:
            return found
        return tuple(replace(entry, place=(number,)) for number, entry in enumerate(found))

    @override
    def steps(self, change: Change, known: Mapping[str, Entry]) -> Sequence[Step] | None:
        """Return what a change does to systems."""
        if change.kind == _KIND:
            return self._of_system(change, known.get(change.entity_id))
        steps: list[Step] = []
        for identifier in touched_systems(change):
            entry, step = known.get(identifier), _step_of(change, identifier)
            if entry is not None:
                steps.append(self._of_health(change, entry, step))
            elif step is not None and self._crosses(step.previous, step.status):
                # What is below was known by nothing but its health, or has to be looked up.
                if not self._has_health(step.previous) or not self._is_of_health_alone:
                    return None
                steps.append(Step(id=identifier, was=True, now=None))
        return steps

    @override
    def departed(self, changes: Sequence[Change]) -> Collection[str]:
        """Return the systems of which health alone changed, so that they belong to the list no more, or newly."""
        own = {change.entity_id for change in changes if change.kind == _KIND}
        ends = _ends_of(changes).items()
        return [each for each, (first, last) in ends if each not in own and self._crosses(first.previous, last.status)]

    @override
    def pasts(
        self, changes: Sequence[Change], known: Mapping[str, Entry], departed: Mapping[str, Facts]
    ) -> Mapping[str, Past] | None:
        """Return each system by its state before its first change; None where the log does not have all of it."""
        ends, pasts = _ends_of(changes), {}
        for identifier, own in _own_changes(changes).items():
            if own and self.wanted.text is not None:
                return None
            life = _Life(own=own, ends=ends.get(identifier), departed=departed.get(identifier))
            past = self._past(identifier, life, known.get(identifier))
            if past is None:
                return None
            pasts[identifier] = past
        return pasts

    def _of_system(self, change: Change, entry: Entry | None) -> Sequence[Step] | None:
        was, belongs = self._names(change.before), self._names(change.after)
        is_new = change.before is None
        if not was and not belongs:
            return ()
        if self.wanted.text is not None or (self.wanted.health is not None and entry is None and not is_new):
            return None
        # A new system is healthy.
        if is_new and not self._has_health(Health.HEALTHY):
            return ()
        if not belongs or change.after is None:
            return [Step(id=change.entity_id, was=was, now=None)]
        place = self._moved(change.entity_id, change.before, change.after, entry)
        if place is None:
            return None
        version = SystemVersion(system=change.version) if is_new else _renewed(entry, change.version)
        return [Step(id=change.entity_id, was=was, now=Entry(change.entity_id, version, place))]

    def _of_health(self, change: Change, entry: Entry, step: HealthStep | None) -> Step:
        if step is not None and not self._has_health(step.status):
            return Step(id=entry.id, was=True, now=None)
        return Step(id=entry.id, was=True, now=replace(entry, version=_version_after(change, entry)))

    def _past(self, identifier: str, life: "_Life", entry: Entry | None) -> Past | None:
        if entry is None and not life.own and not (life.ends and self._crosses(*life.statuses)):
            # It stood below, or was none of the list's, before and afterwards.
            return Past(was=None, is_now=False)
        was = _both(self._named(life, life.before, entry), self._had_health(life, entry))
        is_now = True if entry is not None else _both(self._named(life, life.after, entry), self._has_now(life))
        if was is None or is_now is None:
            return None
        if not was:
            return Past(was=None, is_now=is_now)
        place = self._moved(identifier, life.after, life.before, entry)
        return None if place is None else Past(was=Entry(identifier, None, place), is_now=is_now)

    def _named(self, life: "_Life", facts: Facts | None, entry: Entry | None) -> bool | None:
        """Return whether all but the health of a system matches; None where that is unknown."""
        if life.own:
            return self._names(facts)
        if entry is not None or self._is_of_health_alone:
            return True
        return None if facts is None or self.wanted.text is not None else self._names(facts)

    def _had_health(self, life: "_Life", entry: Entry | None) -> bool | None:
        if life.ends is not None:
            return self._has_health(life.statuses[0])
        # Without a step it has the health that it had.
        return True if self.wanted.health is None or entry is not None or life.is_new else None

    def _has_now(self, life: "_Life") -> bool | None:
        if life.ends is not None:
            return self._has_health(life.statuses[1])
        if self.wanted.health is None or life.is_new:
            return self._has_health(Health.HEALTHY)
        return None

    @property
    def _is_of_health_alone(self) -> bool:
        return self.wanted.keys is None and self.wanted.names is None and self.wanted.text is None

    @property
    def _compares(self) -> bool:
        return self.compares_names or _NAME not in self.order_fields

    def _names(self, facts: Facts | None) -> bool:
        """Return whether a system has one of the names and keys that are wanted, where any are."""
        if facts is None:
            return False
        pairs = ((self.wanted.keys, facts["key"]), (self.wanted.names, facts["name"]))
        return all(allowed is None or value in allowed for allowed, value in pairs)

    def _has_health(self, health: Health) -> bool:
        return self.wanted.health is None or health in self.wanted.health

    def _crosses(self, before: Health, after: Health) -> bool:
        return self._has_health(before) != self._has_health(after)

    def _moved(self, identifier: str, from_: Facts | None, to: Facts | None, entry: Entry | None) -> Place | None:
        """Return where a system stands that stood elsewhere, or its entry's place where that is the same."""
        same = from_ is to or (from_ and to and all(from_[field] == to[field] for field in self.order_fields))
        if entry is not None and same:
            return entry.place
        return self.place(identifier, to) if to is not None and self._compares else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Life:
    """All that happened to one system since a place of the log."""

    #: Its own changes.
    own: Sequence[Change]
    #: The first and the last step of its health.
    ends: tuple[HealthStep, HealthStep] | None
    #: Its facts afterwards, where they were read.
    departed: Facts | None

    @property
    def statuses(self) -> tuple[Health, Health]:
        """Its health before and afterwards, of one with steps."""
        assert self.ends is not None
        return self.ends[0].previous, self.ends[1].status

    @property
    def before(self) -> Facts | None:
        """Its facts before; those of afterwards where they did not change."""
        return self.own[0].before if self.own else self.departed

    @property
    def after(self) -> Facts | None:
        """Its facts afterwards."""
        return self.own[-1].after if self.own else self.departed

    @property
    def is_new(self) -> bool:
        """Return whether there was none before."""
        return bool(self.own) and self.own[0].before is None


def touched_systems(change: Change) -> Collection[str]:
    """Return the systems whose health, or what is shown of it, or whose maintenance a change may change."""
    if change.kind == _REPORTS:
        return (change.entity_id,)
    if change.kind == _MAINTENANCE:
        return sorted(_maintained(change.before) ^ _maintained(change.after))
    if change.kind != _INCIDENTS:
        return ()
    before, after = dict(_set_by(change.before)), dict(_set_by(change.after))
    # Of a masked record two values may be the same that were not.
    is_other = not _SHOWN.isdisjoint(change.described_fields)
    touched = {each for each in {**before, **after} if is_other or before.get(each) != after.get(each)}
    return sorted(touched.union(step.system_id for step in change.health))


def _set_by(state: Facts | None) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield the systems of an incident, if it sets their health, with what it says about that."""
    if state is None or state["status"] == Status.RESOLVED or state.get("health_override") is None:
        return
    for system_id in state["system_ids"]:
        yield system_id, (state["health_override"], state["title"])


def _maintained(state: Facts | None) -> Set[str]:
    """Return the systems of a window that takes place now."""
    return set(state["system_ids"]) if state is not None and state["active"] else set()


def _version_after(change: Change, entry: Entry) -> SystemVersion | None:
    version = entry.version
    if not isinstance(version, SystemVersion):
        return None
    if change.kind == _REPORTS:
        return replace(version, report=change.version if change.after is not None else 0)
    if change.kind == _MAINTENANCE:
        return None  # another window may take place as well
    if len(version.overrides) >= OVERRIDES_SHOWN:
        return None  # there may be more of them
    others = {each for each in version.overrides if each[0] != change.entity_id}
    added = dict(_set_by(change.after)).get(entry.id)
    return replace(version, overrides=frozenset(others if added is None else {*others, (change.entity_id, *added)}))


def _renewed(entry: Entry | None, version: int) -> SystemVersion | None:
    known = entry.version if entry is not None else None
    return replace(known, system=version) if isinstance(known, SystemVersion) else None


def _step_of(change: Change, system_id: str) -> HealthStep | None:
    return next((step for step in change.health if step.system_id == system_id), None)


def _ends_of(changes: Iterable[Change]) -> dict[str, tuple[HealthStep, HealthStep]]:
    """Return the first and the last step of each system's health."""
    ends: dict[str, tuple[HealthStep, HealthStep]] = {}
    for change in changes:
        for step in change.health:
            ends[step.system_id] = ends.get(step.system_id, (step, step))[0], step
    return ends


def _own_changes(changes: Iterable[Change]) -> dict[str, list[Change]]:
    """Return the systems that changes are about, each with those of itself."""
    own: dict[str, list[Change]] = {}
    for change in changes:
        if change.kind == _KIND:
            own.setdefault(change.entity_id, []).append(change)
        else:
            for identifier in touched_systems(change):
                own.setdefault(identifier, [])
    return own


def _both(*claims: bool | None) -> bool | None:
    """Return whether all of these are so; None where that is unknown."""
    if False in claims:
        return False
    return None if None in claims else True
