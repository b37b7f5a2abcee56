"""The enum of maintenance, imported from here alone: this module registers it with Strawberry."""

from domain.model.maintenance import MaintenanceStatus
from gql.types.enums import described

__all__ = ["MaintenanceStatus"]

described(
    MaintenanceStatus,
    name="MaintenanceStatus",
    description="The status of a maintenance window, or of one of its instances.",
    values={
        MaintenanceStatus.SCHEDULED: "It is to come; of a window, the next time.",
        MaintenanceStatus.ACTIVE: "It takes place now.",
        MaintenanceStatus.ENDED: "It took place; of a window, for the last time.",
        MaintenanceStatus.CANCELLED: "It was cancelled.",
    },
)
