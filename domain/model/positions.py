"""The positions of objects in their lists: the values that cursors carry."""

from collections.abc import Callable
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any

from domain.model.incident import Incident, IncidentLink, IncidentUpdate, Status
from domain.model.maintenance import MaintenanceInstance
from domain.model.moment import iso
from domain.model.paging import Order
from domain.model.system import System
from domain.model.timeline_item import TimelineItem

#: The time of what has none, earlier than any other.
NEVER = "0001-01-01T00:00:00.000Z"
#: The fields by whose places items stand elsewhere than by what they show.
COMPUTED = frozenset({"status", "resolved_at"})
_STATUSES = list(Status)
_EARLIEST = datetime.min.replace(tzinfo=UTC)


def incident_position(incident: Incident, order: Order) -> tuple[Any, ...]:
    """Return the place of an incident in a list of that order."""
    return _placed(incident, order), incident.id


def sort_incidents(incidents: list[Incident], order: Order, *, backward: bool) -> None:
    """Sort incidents as a list of that order has them, or in reverse."""
    for field, descending in reversed((*order.keys, ("id", order.keys[-1][1]))):
        incidents.sort(key=_comparable(field), reverse=descending is not backward)


def system_position(system: System, order: Order) -> tuple[Any, ...]:
    """Return the place of a system in a list of that order."""
    return _placed(system, order), system.id


def update_position(entry: IncidentUpdate) -> tuple[Any, ...]:
    """Return the place of an entry in its timeline."""
    return _json(entry.created_at), entry.id


def link_position(link: IncidentLink) -> tuple[Any, ...]:
    """Return the place of a link among its incident's."""
    return _json(link.created_at), link.id


def item_position(item: TimelineItem) -> tuple[Any, ...]:
    """Return the place of an item in its incident's timeline."""
    return _json(item.at), item.id


def instance_position(instance: MaintenanceInstance) -> tuple[Any, ...]:
    """Return the place of an instance among those of its maintenance window."""
    return _json(instance.starts_at), instance.id


def placed(field: str, value: Any) -> Any:
    """Return the value that says where an item stands, as JSON: of a status its rank, the least time for none."""
    if field == "status":
        return _STATUSES.index(value)
    return NEVER if value is None else _json(value)


def _comparable(field: str) -> Callable[[Incident], Any]:
    if field == "status":
        return lambda incident: _STATUSES.index(incident.status)
    if field == "severity":
        return lambda incident: incident.severity.rank
    if field == "resolved_at":
        return lambda incident: incident.resolved_at or _EARLIEST
    return attrgetter(field)


def _placed(item: Incident | System, order: Order) -> Any:
    values = [placed(field, getattr(item, field)) for field, _ in order.keys]
    return values if order.then is not None else values[0]


def _json(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value
