"""Links of incidents."""

from domain.persistence.tables import incident_links
from domain.persistence.views.view import View

LINK = View(
    name="incident_link",
    table=incident_links,
)
