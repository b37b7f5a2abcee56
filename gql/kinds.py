"""How each kind of entity is pushed to clients: one line for each kind in the table of kinds."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.entities.health import HEALTH
from domain.entities.incident import INCIDENT
from domain.entities.run import RUN
from domain.model.viewer import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """The subscription's fields about a kind, and the role that they need."""

    needs: Role
    #: The one that begins with the present state of an entity.
    state: str
    #: Those that begin with what happens next.
    log: tuple[str, ...]


#: None for a kind that has no field of its own; health shows in the systems of incidents.
PUSHED: Mapping[str, Pushed | None] = {
    INCIDENT.name: Pushed(needs=Role.ANONYMOUS, state="incident", log=("incidentChanges", "incidentEvents")),
    RUN.name: Pushed(needs=Role.RESPONDER, state="automationRun", log=("automationRuns",)),
    HEALTH.name: None,
}
