"""The positions of objects in their lists: the values that cursors carry."""

from datetime import datetime
from typing import Any

from domain.model.incident import Incident, IncidentLink, IncidentUpdate
from domain.model.moment import iso
from domain.model.paging import Order
from domain.model.system import System


def incident_position(incident: Incident, order: Order) -> tuple[Any, ...]:
    """Return the place of an incident in a list of that order."""
    return _json(getattr(incident, order.field)), incident.id


def system_position(system: System, order: Order) -> tuple[Any, ...]:
    """Return the place of a system in a list of that order."""
    return _json(getattr(system, order.field)), system.id


def update_position(entry: IncidentUpdate) -> tuple[Any, ...]:
    """Return the place of an entry in its timeline."""
    return _json(entry.created_at), entry.id


def link_position(link: IncidentLink) -> tuple[Any, ...]:
    """Return the place of a link among its incident's."""
    return _json(link.created_at), link.id


def _json(value: Any) -> Any:
    return iso(value) if isinstance(value, datetime) else value
