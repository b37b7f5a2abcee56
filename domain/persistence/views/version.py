"""Entries of timelines as they were before an edit."""

from domain.model.incident import Status
from domain.model.viewer import Visibility
from domain.persistence.tables import incident_update_versions
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.view import View, columns_of

VERSION = View(
    name="incident_update_version",
    table=incident_update_versions,
    fields=columns_of(
        incident_update_versions,
        ("id", "message", "status_change", "visibility", "created_at", "replaced_at"),
        {"status_change": Status, "visibility": Visibility},
    ),
    parts={"replaced_by": ACTOR},
)
