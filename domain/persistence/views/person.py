"""People assigned to incidents."""

from domain.persistence.people_tables import incident_assignees
from domain.persistence.views.actor import ACTOR
from domain.persistence.views.view import View

PERSON = View(
    name="person",
    table=incident_assignees,
    fields=ACTOR.fields,
    unique=(),
)
