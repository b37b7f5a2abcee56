"""Mutations on systems."""

from typing import Annotated, Any

import strawberry
from strawberry.scalars import ID

from domain.model import system as model
from domain.services.health import Reported
from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.given import value_or_none
from gql.inputs.system import CreateSystemInput, DeleteSystemInput, ReportSystemHealthInput, UpdateSystemInput
from gql.mutations.answers import answer
from gql.permissions import MANAGE_INCIDENTS, MANAGE_SYSTEMS
from gql.types.payloads import (
    CreateSystemPayload,
    DeleteSystemPayload,
    ReportSystemHealthPayload,
    UpdateSystemPayload,
)
from gql.types.system import System

_INPUT = strawberry.argument(description="The input of the mutation.")


@strawberry.type
class SystemMutations:
    @strawberry.mutation(permission_classes=MANAGE_SYSTEMS, description="Add a system to the catalog.")
    async def create_system(self, info: Info, input: Annotated[CreateSystemInput, _INPUT]) -> CreateSystemPayload:
        async def call() -> Outcome[model.System]:
            return await info.context.domain.systems.create(
                info.context.viewer, input.command(), idempotency_key=value_or_none(input.idempotency_key)
            )

        return await answer(info, CreateSystemPayload, call, lambda system: {"system": System.of(system)})

    @strawberry.mutation(permission_classes=MANAGE_SYSTEMS, description="Change a system's name or description.")
    async def update_system(self, info: Info, input: Annotated[UpdateSystemInput, _INPUT]) -> UpdateSystemPayload:
        async def call() -> Outcome[model.System]:
            return await info.context.domain.systems.update(info.context.viewer, input.command())

        return await answer(info, UpdateSystemPayload, call, lambda system: {"system": System.of(system)})

    @strawberry.mutation(
        permission_classes=MANAGE_SYSTEMS,
        description="Delete a system. It is removed from each of its incidents first, by a change of its own.",
    )
    async def delete_system(self, info: Info, input: Annotated[DeleteSystemInput, _INPUT]) -> DeleteSystemPayload:
        async def call() -> Outcome[str]:
            return await info.context.domain.systems.delete(
                info.context.viewer, input.id, expected_version=value_or_none(input.expected_version)
            )

        return await answer(info, DeleteSystemPayload, call, lambda gone: {"deleted_system_id": ID(gone)})

    @strawberry.mutation(
        permission_classes=MANAGE_INCIDENTS,
        description="Report a system's health, as a monitor does. A report holds until the next one.",
    )
    async def report_system_health(
        self, info: Info, input: Annotated[ReportSystemHealthInput, _INPUT]
    ) -> ReportSystemHealthPayload:
        async def call() -> Outcome[Reported]:
            return await info.context.domain.health.report(
                info.context.viewer, input.command(), idempotency_key=value_or_none(input.idempotency_key)
            )

        def show(reported: Reported) -> dict[str, Any]:
            return {"system": System.of(reported.system)}

        return await answer(info, ReportSystemHealthPayload, call, show)
