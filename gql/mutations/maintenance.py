"""Mutations on maintenance windows."""

from typing import Annotated, Any

import strawberry

from domain.model import maintenance as model
from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.given import value_or_none
from gql.inputs.maintenance import (
    AddMaintenanceUpdateInput,
    CancelMaintenanceInput,
    CancelMaintenanceInstanceInput,
    ChangeMaintenanceInstanceInput,
    EndMaintenanceInput,
    ScheduleMaintenanceInput,
    UpdateMaintenanceInput,
)
from gql.mutations.answers import answer
from gql.permissions import MANAGE_MAINTENANCE
from gql.types.maintenance import Maintenance
from gql.types.maintenance_payloads import (
    AddMaintenanceUpdatePayload,
    CancelMaintenanceInstancePayload,
    CancelMaintenancePayload,
    ChangeMaintenanceInstancePayload,
    EndMaintenancePayload,
    ScheduleMaintenancePayload,
    UpdateMaintenancePayload,
)

_INPUT = strawberry.argument(description="The input of the mutation.")


def _show(maintenance: model.Maintenance) -> dict[str, Any]:
    return {"maintenance": Maintenance.of(maintenance)}


@strawberry.type
class MaintenanceMutations:
    @strawberry.mutation(
        permission_classes=MANAGE_MAINTENANCE,
        description="Schedule maintenance of systems, once or by a rule.",
    )
    async def schedule_maintenance(
        self, info: Info, input: Annotated[ScheduleMaintenanceInput, _INPUT]
    ) -> ScheduleMaintenancePayload:
        async def call() -> Outcome[model.Maintenance]:
            return await info.context.domain.maintenance.schedule(
                info.context.viewer, input.command(), idempotency_key=value_or_none(input.idempotency_key)
            )

        return await answer(info, ScheduleMaintenancePayload, call, _show)

    @strawberry.mutation(
        permission_classes=MANAGE_MAINTENANCE,
        description="Change a window, and with it all of its instances to come.",
    )
    async def update_maintenance(
        self, info: Info, input: Annotated[UpdateMaintenanceInput, _INPUT]
    ) -> UpdateMaintenancePayload:
        async def call() -> Outcome[model.Maintenance]:
            return await info.context.domain.maintenance.update(info.context.viewer, input.command())

        return await answer(info, UpdateMaintenancePayload, call, _show)

    @strawberry.mutation(
        permission_classes=MANAGE_MAINTENANCE,
        description="Cancel a window as a whole: what takes place now ends, and nothing of it takes place any more.",
    )
    async def cancel_maintenance(
        self, info: Info, input: Annotated[CancelMaintenanceInput, _INPUT]
    ) -> CancelMaintenancePayload:
        async def call() -> Outcome[model.Maintenance]:
            return await info.context.domain.maintenance.cancel(
                info.context.viewer, input.id, expected_version=value_or_none(input.expected_version)
            )

        return await answer(info, CancelMaintenancePayload, call, _show)

    @strawberry.mutation(
        permission_classes=MANAGE_MAINTENANCE,
        description="End what takes place now before its time. A window with a rule takes place again by that.",
    )
    async def end_maintenance(self, info: Info, input: Annotated[EndMaintenanceInput, _INPUT]) -> EndMaintenancePayload:
        async def call() -> Outcome[model.Maintenance]:
            return await info.context.domain.maintenance.end(
                info.context.viewer, input.id, expected_version=value_or_none(input.expected_version)
            )

        return await answer(info, EndMaintenancePayload, call, _show)

    @strawberry.mutation(
        permission_classes=MANAGE_MAINTENANCE,
        description="Change the times or the texts of one instance; a later end extends what takes place now.",
    )
    async def change_maintenance_instance(
        self, info: Info, input: Annotated[ChangeMaintenanceInstanceInput, _INPUT]
    ) -> ChangeMaintenanceInstancePayload:
        async def call() -> Outcome[model.Maintenance]:
            return await info.context.domain.maintenance.change_instance(info.context.viewer, input.command())

        return await answer(info, ChangeMaintenanceInstancePayload, call, _show)

    @strawberry.mutation(
        permission_classes=MANAGE_MAINTENANCE,
        description="Cancel one instance that is to come.",
    )
    async def cancel_maintenance_instance(
        self, info: Info, input: Annotated[CancelMaintenanceInstanceInput, _INPUT]
    ) -> CancelMaintenanceInstancePayload:
        async def call() -> Outcome[model.Maintenance]:
            return await info.context.domain.maintenance.cancel_instance(
                info.context.viewer,
                input.id,
                input.original_start,
                expected_version=value_or_none(input.expected_version),
            )

        return await answer(info, CancelMaintenanceInstancePayload, call, _show)

    @strawberry.mutation(
        permission_classes=MANAGE_MAINTENANCE,
        description="Add a message to a window.",
    )
    async def add_maintenance_update(
        self, info: Info, input: Annotated[AddMaintenanceUpdateInput, _INPUT]
    ) -> AddMaintenanceUpdatePayload:
        async def call() -> Outcome[model.Maintenance]:
            return await info.context.domain.maintenance.add_update(
                info.context.viewer, input.command(), idempotency_key=value_or_none(input.idempotency_key)
            )

        return await answer(info, AddMaintenanceUpdatePayload, call, _show)
