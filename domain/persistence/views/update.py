"""Entries of timelines."""

from domain.model.incident import Status
from domain.model.viewer import Visibility
from domain.persistence.tables import incident_updates
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.view import View, columns_of

UPDATE = View(
    name="incident_update",
    table=incident_updates,
    fields=columns_of(
        incident_updates,
        ("id", "message", "status_change", "visibility", "created_at", "edited_at", "incident_id"),
        {"status_change": Status, "visibility": Visibility},
    ),
    parts={"created_by": ACTOR},
)
