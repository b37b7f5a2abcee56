"""The public JSON of Statuspage's version 2, which status widgets and aggregators read.

Ids are ours; `fixing`, which Statuspage does not have, is its `identified`; an incident's impact is its severity.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

import orjson

from domain.ids import with_prefix
from domain.model.incident import Health, IncidentUpdate, Severity, Status
from domain.model.maintenance import MaintenanceStatus
from domain.model.moment import iso
from domain.model.public_page import PublicIncident, PublicMaintenance, PublicPage, PublicSystem
from gql.web.feeds.site import Site

MEDIA_TYPE = "application/json"
_PAGE = "incidentql"
#: As many as Statuspage has in a list.
_LISTED = 50
_COMPONENT = {
    Health.HEALTHY: "operational",
    Health.DEGRADED: "degraded_performance",
    Health.UNHEALTHY: "major_outage",
}
#: From best to worst, with Statuspage's own sentences.
_INDICATORS = {
    "none": "All Systems Operational",
    "maintenance": "Service Under Maintenance",
    "minor": "Minor Service Outage",
    "major": "Partial System Outage",
    "critical": "Major Service Outage",
}
_RANKS = list(_INDICATORS)
_OF_HEALTH = {Health.HEALTHY: "none", Health.DEGRADED: "minor", Health.UNHEALTHY: "major"}
_MAINTENANCE = {
    MaintenanceStatus.SCHEDULED: "scheduled",
    MaintenanceStatus.ACTIVE: "in_progress",
    MaintenanceStatus.ENDED: "completed",
}
_OF_SEVERITY = {Severity.MINOR: "minor", Severity.MAJOR: "major", Severity.CRITICAL: "critical"}


def statuspage(page: PublicPage, site: Site, document: str) -> bytes:
    """Return one of the `DOCUMENTS` of a page."""
    about = {
        "id": _PAGE,
        "name": site.name,
        "url": site.url,
        "time_zone": "Etc/UTC",
        "updated_at": iso(page.updated_at),
    }
    return orjson.dumps({"page": about, **_MEMBERS[document](_Shown(page, site))})


class _Shown:
    """A page with its components, which incidents repeat."""

    def __init__(self, page: PublicPage, site: Site) -> None:
        self.page = page
        self.components = [_component(system, position) for position, system in enumerate(page.systems, start=1)]
        self._by_id = {component["id"]: component for component in self.components}
        self._site = site

    def incident(self, shown: PublicIncident) -> dict[str, Any]:
        """Return an incident with its updates and components."""
        incident = shown.incident
        return {
            "id": incident.id,
            "page_id": _PAGE,
            "name": incident.title,
            "status": _status_name(incident.status),
            "impact": _OF_SEVERITY[incident.severity],
            "shortlink": f"{self._site.url}/status/{incident.reference}",
            "started_at": iso(incident.occurred_at),
            "created_at": iso(incident.created_at),
            "updated_at": iso(shown.updated_at),
            "monitoring_at": _iso_or_none(incident.monitoring_at),
            "resolved_at": _iso_or_none(incident.resolved_at),
            "incident_updates": _updates(shown),
            "components": [self._by_id[system] for system in incident.system_ids if system in self._by_id],
        }

    def maintenances(self, found: Sequence[PublicMaintenance]) -> dict[str, Any]:
        """Return the member with these times of maintenance."""
        return {"scheduled_maintenances": [self.maintenance(shown) for shown in found[:_LISTED]]}

    def maintenance(self, shown: PublicMaintenance) -> dict[str, Any]:
        """Return one time of maintenance, which is an incident there."""
        window, instance = shown.window, shown.instance
        status = _MAINTENANCE[instance.status]
        entries = [(update.id, update.message, iso(update.created_at)) for update in shown.updates]
        entries = entries or [(with_prefix(window.id, "upd"), shown.description or "", iso(window.created_at))]
        updates = [_entry(name, shown.name, status, body, moment, moment) for name, body, moment in entries]
        return {
            "id": shown.name,
            "page_id": _PAGE,
            "name": shown.title,
            "status": status,
            "impact": "maintenance",
            "shortlink": f"{self._site.url}/status#{shown.name}",
            "started_at": iso(instance.starts_at),
            "created_at": iso(window.created_at),
            "updated_at": iso(window.updated_at),
            "monitoring_at": None,
            "resolved_at": iso(instance.ends_at) if instance.status is MaintenanceStatus.ENDED else None,
            "scheduled_for": iso(instance.starts_at),
            "scheduled_until": iso(instance.ends_at),
            "incident_updates": updates,
            "components": [self._by_id[system] for system in window.system_ids if system in self._by_id],
        }

    def incidents(self, found: Sequence[PublicIncident]) -> dict[str, Any]:
        """Return the member with these incidents."""
        return {"incidents": [self.incident(shown) for shown in found]}


def _summary(shown: _Shown) -> dict[str, Any]:
    return {
        "components": shown.components,
        **shown.incidents(shown.page.open),
        **shown.maintenances([*shown.page.active, *shown.page.upcoming]),
        **_status(shown),
    }


def _status(shown: _Shown) -> dict[str, Any]:
    """Return the worst of the open incidents and the systems' health, but for systems under maintenance."""
    found = [_OF_HEALTH[each.health] for each in shown.page.systems if not each.is_under_maintenance]
    found += ["maintenance" for each in shown.page.systems if each.is_under_maintenance]
    found += [_OF_SEVERITY[incident.incident.severity] for incident in shown.page.open]
    indicator = max(found, key=_RANKS.index, default="none")
    return {"status": {"indicator": indicator, "description": _INDICATORS[indicator]}}


def _all_maintenances(page: PublicPage) -> list[PublicMaintenance]:
    return [*page.active, *page.upcoming, *page.completed]


def _component(shown: PublicSystem, position: int) -> dict[str, Any]:
    system = shown.system
    return {
        "id": system.id,
        "page_id": _PAGE,
        "group_id": None,
        "name": system.name,
        "description": system.description,
        "position": position,
        "status": "under_maintenance" if shown.is_under_maintenance else _COMPONENT[shown.health],
        "showcase": True,
        "only_show_if_degraded": False,
        "group": False,
        "start_date": f"{system.created_at:%Y-%m-%d}",
        "created_at": iso(system.created_at),
        "updated_at": iso(shown.updated_at),
    }


def _updates(shown: PublicIncident) -> list[dict[str, Any]]:
    """Return the updates, newest first; readers take it for granted that there is one."""
    statuses = shown.statuses()
    found = [_update(update, status) for update, status in zip(shown.updates, statuses, strict=True)]
    return found or [_silent_update(shown)]


def _update(update: IncidentUpdate, status: Status) -> dict[str, Any]:
    written, edited = iso(update.created_at), iso(update.edited_at or update.created_at)
    return _entry(update.id, update.incident_id, _status_name(status), update.message, written, edited)


def _silent_update(shown: PublicIncident) -> dict[str, Any]:
    moment, incident = iso(shown.updated_at), shown.incident
    return _entry(with_prefix(incident.id, "upd"), incident.id, _status_name(incident.status), "", moment, moment)


def _entry(identifier: str, parent: str, status: str, body: str, written: str, edited: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "incident_id": parent,
        "status": status,
        "body": body,
        "display_at": written,
        "deliver_notifications": False,
        "affected_components": None,
        "created_at": written,
        "updated_at": edited,
    }


def _status_name(status: Status) -> str:
    return Status.IDENTIFIED if status is Status.FIXING else status


def _iso_or_none(moment: datetime | None) -> str | None:
    return iso(moment) if moment else None


_MEMBERS: Mapping[str, Callable[[_Shown], dict[str, Any]]] = MappingProxyType(
    {
        "summary.json": _summary,
        "status.json": _status,
        "components.json": lambda shown: {"components": shown.components},
        "incidents.json": lambda shown: shown.incidents(shown.page.incidents[:_LISTED]),
        "incidents/unresolved.json": lambda shown: shown.incidents(shown.page.open),
        "scheduled-maintenances.json": lambda shown: shown.maintenances(_all_maintenances(shown.page)),
        "scheduled-maintenances/upcoming.json": lambda shown: shown.maintenances(shown.page.upcoming),
        "scheduled-maintenances/active.json": lambda shown: shown.maintenances(shown.page.active),
    }
)
#: The documents, by their paths below `/api/v2`.
DOCUMENTS = tuple(_MEMBERS)
