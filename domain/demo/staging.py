"""The rest of a demonstration's scene: a relation between two of its incidents, and maintenance that is planned."""

from datetime import datetime, timedelta

from domain.demo.scene import CAUSE, DENIZ, EFFECT
from domain.model.commands import RelateIncidents
from domain.model.filters import AllOf, Field, Operator, Term
from domain.model.paging import Order, PageRequest
from domain.model.relation import RelationType
from domain.model.viewer import Audience, Role, Viewer
from domain.services.maintenance.commands import ScheduleMaintenance
from domain.services.maintenance.service import MaintenanceService
from domain.services.reads import Reads
from domain.services.relations import RelationService

_DENIZ = Viewer(actor=DENIZ, role=Role.RESPONDER)


async def stage(reads: Reads, relations: RelationService, maintenance: MaintenanceService, *, now: datetime) -> None:
    """Relate two incidents of the scene, and plan maintenance in a few hours."""
    is_open = AllOf((Term(Field.OPEN, Operator.EQ, True),))  # noqa: FBT003 - a value, not a flag
    page = await reads.incident_page(is_open, Order(field="created_at"), PageRequest(size=50), Audience.MANAGER)
    ids = {incident.title: incident.id for incident in page.items}
    await relations.relate(_DENIZ, RelateIncidents(id=ids[EFFECT], type=RelationType.CAUSED_BY, to=ids[CAUSE]))
    start = now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=3)
    window = ScheduleMaintenance(
        title="Larger disks for the orders database",
        description="Orders are taken all the time. Lists of past orders may be slow for some minutes.",
        systems=["orders-db", "reporting"],
        starts_at=start,
        ends_at=start + timedelta(minutes=45),
    )
    await maintenance.schedule(_DENIZ, window)
