"""The subscription fields of each kind of entity: one line for each kind in the table of kinds."""

from collections.abc import Mapping
from dataclasses import dataclass

from domain.entities.erasure import ERASURE
from domain.entities.health import HEALTH
from domain.entities.incident import INCIDENT
from domain.entities.maintenance import MAINTENANCE
from domain.entities.run import RUN
from domain.entities.system import SYSTEM
from domain.model.viewer import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Pushed:
    """The subscription fields about a kind, and the role that they need."""

    needs: Role
    #: The field that begins with the present state of an entity, where there is one.
    state: str | None
    #: The fields that begin with the next change.
    log: tuple[str, ...]
    #: The fields that begin with a list of entities, or with their numbers.
    lists: tuple[str, ...] = ()


#: None for a kind without a field of its own.
PUSHED: Mapping[str, Pushed | None] = {
    INCIDENT.name: Pushed(
        needs=Role.ANONYMOUS,
        state="incident",
        log=("incidentChanges", "incidentEvents"),
        lists=("incidentList", "incidentCounts"),
    ),
    RUN.name: Pushed(needs=Role.RESPONDER, state="automationRun", log=("automationRuns",)),
    HEALTH.name: Pushed(needs=Role.ANONYMOUS, state=None, log=("systemHealth",)),
    SYSTEM.name: Pushed(needs=Role.ANONYMOUS, state=None, log=(), lists=("systemList",)),
    ERASURE.name: None,
    MAINTENANCE.name: None,
}
