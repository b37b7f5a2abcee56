"""The health that open incidents set for systems."""

import sqlalchemy as sa

from domain.persistence.conditions import IS_OPEN
from domain.persistence.tables import incident_systems, incidents
from domain.persistence.views.view import View

_OVERRIDES = (
    sa.select(
        incident_systems.c.system_id,
        incidents.c.health_override.label("status"),
        incidents.c.id.label("incident_id"),
        incidents.c.title.label("incident_title"),
        # What lists belong to.
        incidents.c.id,
    )
    .select_from(incident_systems.join(incidents, incidents.c.id == incident_systems.c.incident_id))
    .where(IS_OPEN, incidents.c.health_override.is_not(None))
    .subquery("overrides")
)

OVERRIDE = View(
    name="active_health_override",
    table=_OVERRIDES,
)
