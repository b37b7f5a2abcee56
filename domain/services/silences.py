"""The one place that decides whether a message to people is silenced."""

from datetime import datetime

from domain.ids import is_id
from domain.model.silence import Silence, Topic
from domain.persistence.unit_of_work import ReadSession


async def silenced(
    session: ReadSession, topic: Topic, *, system_id: str | None, incident_id: str | None, now: datetime
) -> Silence | None:
    """Return why a message on that topic is silenced at that moment; None where it is to be sent.

    A message about the health of a system is, while it is under maintenance or an open incident on it suppresses
    notifications; a reminder is, while its incident is snoozed. What an incident itself has to say always goes out.
    """
    if topic is Topic.HEALTH and system_id is not None and is_id(system_id, "sys"):
        if await session.maintenance_instances.active_systems([system_id]):
            return Silence.MAINTENANCE
        return Silence.SUPPRESSED if await session.incidents.is_suppressed(system_id) else None
    if topic is Topic.REMINDER and incident_id is not None and is_id(incident_id, "inc"):
        incident = (await session.incidents.get_many([incident_id])).get(incident_id)
        if incident is not None and incident.snoozed_until is not None and incident.snoozed_until > now:
            return Silence.SNOOZED
    return None
