"""The writes of imports, in the unit of work that decided on them."""

from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from typing import Any

from domain.entities.handle import Applied, EntityHandle
from domain.entities.handle import History as Past
from domain.entities.health import snapshot_of as snapshot_of_health
from domain.entities.incident import snapshot_of
from domain.entities.maintenance import snapshot_of as snapshot_of_maintenance
from domain.entities.origin import Origin
from domain.entities.system import snapshot_of as snapshot_of_system
from domain.model.actor import Actor, ActorType
from domain.model.change import Touched
from domain.model.health import SystemHealth
from domain.model.histories import (
    IncidentHistory,
    MaintenanceHistory,
    PersonHistory,
    RelationHistory,
    SystemHealthHistory,
)
from domain.model.incident import Incident
from domain.model.maintenance import Maintenance
from domain.model.system import System
from domain.model.viewer import Visibility
from domain.persistence.engines import dialect_of
from domain.persistence.incidents import bound_incidents
from domain.persistence.links import bound_links
from domain.persistence.search import Entry, bound_texts
from domain.persistence.timeline import bound_entries
from domain.persistence.unit_of_work import UnitOfWork
from domain.services.incidents import header_of
from domain.services.relating import touching
from domain.transfer.deciding import Decided

ORIGIN = Origin(actor=Actor(type=ActorType.SERVICE, id="import", name="Import"))


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryWriter:
    """A writer of histories, each object through its handle."""

    incidents: EntityHandle[Incident]
    systems: EntityHandle[System]
    health: EntityHandle[SystemHealth]
    maintenance: EntityHandle[Maintenance]
    is_sqlite: bool

    async def lock(self, unit: UnitOfWork, kind: str) -> None:
        """Lock what other imports, and those who open incidents, need as well: what is decided then holds."""
        if kind in {"incident", "maintenance"}:
            await unit.incidents.last_of_numbers(0)
        elif kind == "relation":
            await unit.relations.lock()

    async def write(self, unit: UnitOfWork, kind: str, decided: Decided[Any]) -> None:
        """Write what is taken; refuse what only the write shows to be impossible."""
        writes: dict[str, Callable[[UnitOfWork, Any], Coroutine[Any, Any, None]]] = {
            "system": self._systems,
            "person": self._people,
            "health": self._health,
            "incident": self._incidents,
            "relation": self._relations,
            "maintenance": self._maintenance,
        }
        await writes[kind](unit, decided)

    async def _systems(self, unit: UnitOfWork, decided: Decided[System]) -> None:
        written: list[tuple[str, System]] = []
        for place, system in decided.taken:
            if await unit.systems.insert(system):
                self.systems.adopt(unit, system.id, Applied(after=snapshot_of_system(system)), Past(), origin=ORIGIN)
                written.append((place, system))
                continue
            # A rival's, which has committed by now: the insert waited for it.
            decided.mapped[system.id] = (await unit.systems.resolve([system.key]))[system.key]
            decided.present += 1
        decided.taken = written

    async def _people(self, unit: UnitOfWork, decided: Decided[PersonHistory]) -> None:
        await unit.exports.insert_people([each for _, each in decided.taken])

    async def _health(self, unit: UnitOfWork, decided: Decided[SystemHealthHistory]) -> None:
        ids = [each.health.system_id for _, each in decided.taken]
        await self.health.lock(unit, ids)
        systems, reported = await unit.systems.get_many(ids), await unit.health.get_many(ids)
        # Meanwhile a system may have been deleted, or reported by its monitor.
        free = [each for each in decided.taken if each[1].health.system_id in systems.keys() - reported.keys()]
        decided.present += len(decided.taken) - len(free)
        decided.taken = free
        for _, each in free:
            system = systems[each.health.system_id]
            health = replace(each.health, system_key=system.key, system_name=system.name)
            await unit.health.put(health)
            past = Past(transitions=each.transitions, spans=each.spans)
            self.health.adopt(unit, system.id, Applied(after=snapshot_of_health(health)), past, origin=ORIGIN)

    async def _incidents(self, unit: UnitOfWork, decided: Decided[IncidentHistory]) -> None:
        numbered = await _numbered(unit, decided)
        await unit.load(self._rows(numbered), ())
        await unit.timeline.insert_versions([version for each in numbered for version in each.versions])
        open_ones = [each.incident for each in numbered if each.incident.is_open]
        wanted = [(each.id, system_id, each.dedupe_key) for each in open_ones for system_id in each.system_ids]
        # In the order of the systems, as all writers take them.
        await unit.claims.take_many(sorted(wanted, key=lambda claim: (claim[1], claim[0])))
        for each in numbered:
            applied = Applied(after=snapshot_of(each.incident), touched=tuple(_parts(each)))
            past = Past(transitions=each.transitions, spans=each.spans)
            self.incidents.adopt(unit, each.incident.id, applied, past, origin=ORIGIN)

    def _rows(self, histories: Sequence[IncidentHistory]) -> list[Any]:
        dialect = dialect_of(sqlite=self.is_sqlite)
        return [
            *bound_incidents(dialect, [each.incident for each in histories]),
            bound_entries(dialect, (update for each in histories for update in each.updates)),
            bound_links(dialect, (link for each in histories for link in each.links)),
            bound_texts(dialect, [text for each in histories for text in _texts(each)]),
        ]

    async def _relations(self, unit: UnitOfWork, decided: Decided[RelationHistory]) -> None:
        ends = {end for _, each in decided.taken for end in (each.one.incident_id, each.other.incident_id)}
        await self.incidents.lock(unit, sorted(ends))
        written: list[tuple[str, RelationHistory]] = []
        for place, each in decided.taken:
            one = each.one
            if await unit.relations.between(one.incident_id, one.type, one.related_id):
                decided.present += 1
            elif not one.type.is_mutual and await unit.relations.leads(one.related_id, one.type, one.incident_id):
                decided.refuse(place, "CONFLICT", "The relation would lead in a circle.", "other")
            else:
                await self._relate(unit, each)
                written.append((place, each))
        decided.taken = written

    async def _maintenance(self, unit: UnitOfWork, decided: Decided[MaintenanceHistory]) -> None:
        for _, each in decided.taken:
            await unit.maintenance.put(each.window)
            await unit.maintenance_instances.add(each.instances)
            for update in each.updates:
                await unit.maintenance.add_update(update)
            told = [Touched(part="updates", id=update.id, after=update.visibility) for update in each.updates]
            applied = Applied(after=snapshot_of_maintenance(each.window), touched=tuple(told))
            past = Past(transitions=each.transitions)
            self.maintenance.adopt(unit, each.window.id, applied, past, origin=ORIGIN)

    async def _relate(self, unit: UnitOfWork, relation: RelationHistory) -> None:
        both = [relation.one, relation.other]
        await unit.relations.insert(both)

        async def apply(found: Any) -> dict[str, Applied[Incident]]:
            touched = touching(found, both, after=Visibility.PUBLIC)
            return {
                identifier: replace(applied, dated=applied.after.entity.updated_at)
                for identifier, applied in touched.items()
            }

        await self.incidents.mutate_together(unit, [each.incident_id for each in both], apply, origin=ORIGIN)


async def _numbered(unit: UnitOfWork, decided: Decided[IncidentHistory]) -> list[IncidentHistory]:
    """Return the incidents with their numbers; those without, and those whose number is taken, have new ones."""
    wanted = {each.incident.number for _, each in decided.taken} - {0}
    free = wanted - set(await unit.incidents.ids_by_number(sorted(wanted)))
    last = await unit.incidents.last_of_numbers(0)
    new = len(decided.taken) - len(free)
    following = await unit.incidents.last_of_numbers(max(0, max(free, default=0) - last) + new) - new
    numbered = []
    for place, each in decided.taken:
        incident = each.incident
        if incident.number in free:
            free.remove(incident.number)
        else:
            following += 1
            former, incident = incident, replace(incident, number=following)
            if former.number:
                decided.note(place, "RENUMBERED", f"{former.reference} is {incident.reference} here.", "number")
        numbered.append(replace(each, incident=incident))
    return numbered


def _parts(history: IncidentHistory) -> list[Touched]:
    updates = [Touched(part="updates", id=update.id, after=update.visibility) for update in history.updates]
    return [*updates, *(Touched(part="links", id=link.id, after=link.visibility) for link in history.links)]


def _texts(history: IncidentHistory) -> list[Entry]:
    incident = history.incident
    texts = [(update.id, incident.id, update.visibility, update.message) for update in history.updates]
    return [(incident.id, incident.id, Visibility.PUBLIC, header_of(incident)), *texts]
