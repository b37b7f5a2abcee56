"""Entries of timelines as they were before an edit."""

from domain.persistence.tables import incident_update_versions
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.view import View

VERSION = View(
    name="incident_update_version",
    table=incident_update_versions,
    parts={"replaced_by": ACTOR},
)
