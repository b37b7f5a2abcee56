"""Labels of incidents."""

from domain.persistence.tables import incident_labels
from domain.persistence.views.view import View

LABEL = View(
    name="incident_label",
    table=incident_labels,
    unique=(),
)
