"""The payloads of mutations on maintenance windows."""

import strawberry

from gql.types.maintenance import Maintenance
from gql.types.payloads import Payload

_WINDOW = "The window as it is now; null where it does not exist."


@strawberry.type(description="The payload of `scheduleMaintenance`.")
class ScheduleMaintenancePayload(Payload):
    maintenance: Maintenance | None = strawberry.field(default=None, description=_WINDOW)


@strawberry.type(description="The payload of `updateMaintenance`.")
class UpdateMaintenancePayload(Payload):
    maintenance: Maintenance | None = strawberry.field(default=None, description=_WINDOW)


@strawberry.type(description="The payload of `cancelMaintenance`.")
class CancelMaintenancePayload(Payload):
    maintenance: Maintenance | None = strawberry.field(default=None, description=_WINDOW)


@strawberry.type(description="The payload of `endMaintenance`.")
class EndMaintenancePayload(Payload):
    maintenance: Maintenance | None = strawberry.field(default=None, description=_WINDOW)


@strawberry.type(description="The payload of `changeMaintenanceInstance`.")
class ChangeMaintenanceInstancePayload(Payload):
    maintenance: Maintenance | None = strawberry.field(default=None, description=_WINDOW)


@strawberry.type(description="The payload of `cancelMaintenanceInstance`.")
class CancelMaintenanceInstancePayload(Payload):
    maintenance: Maintenance | None = strawberry.field(default=None, description=_WINDOW)


@strawberry.type(description="The payload of `addMaintenanceUpdate`.")
class AddMaintenanceUpdatePayload(Payload):
    maintenance: Maintenance | None = strawberry.field(default=None, description=_WINDOW)
