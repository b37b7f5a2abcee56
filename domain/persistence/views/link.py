"""Links of incidents."""

from domain.model.viewer import Visibility
from domain.persistence.tables import incident_links
from domain.persistence.views.view import View, columns_of

LINK = View(
    name="incident_link",
    table=incident_links,
    fields=columns_of(
        incident_links,
        ("id", "label", "url", "visibility", "created_at", "incident_id"),
        {"visibility": Visibility},
    ),
)
