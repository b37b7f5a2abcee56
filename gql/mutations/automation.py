"""Mutations on automations and their runs."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry
from strawberry.scalars import ID

from domain.automations.services.automations import Saved, WriteAutomation
from domain.model import automation as model
from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.automation import (
    CancelAutomationRunInput,
    CreateAutomationInput,
    DeleteAutomationInput,
    RunAutomationInput,
    SetAutomationEnabledInput,
    UpdateAutomationInput,
)
from gql.inputs.given import value_or_none
from gql.mutations.answers import answer
from gql.permissions import MANAGE_AUTOMATIONS
from gql.types.automation import Automation, AutomationProblem, AutomationRun
from gql.types.payloads import (
    CancelAutomationRunPayload,
    CreateAutomationPayload,
    DeleteAutomationPayload,
    RunAutomationPayload,
    SetAutomationEnabledPayload,
    UpdateAutomationPayload,
)

_INPUT = strawberry.argument(description="What to do.")
#: The fields of a payload.
Shown = Mapping[str, Any]


def shown(saved: Saved[model.Automation]) -> Outcome[Shown]:
    """What is answered of an automation that was saved: with the warnings about its definition."""
    return Outcome(
        {"automation": Automation.of(saved.value), "problems": AutomationProblem.list_of(saved.warnings)}, saved.seq
    )


@strawberry.type
class AutomationMutations:
    @strawberry.mutation(
        permission_classes=MANAGE_AUTOMATIONS,
        description="Make an automation. A definition with problems is not saved, and all of them are told.",
    )
    async def create_automation(
        self, info: Info, input: Annotated[CreateAutomationInput, _INPUT]
    ) -> CreateAutomationPayload:
        async def call() -> Outcome[Shown]:
            return shown(
                await info.context.domain.automations.service.create(
                    info.context.viewer, input.command(), idempotency_key=value_or_none(input.idempotency_key)
                )
            )

        return await answer(info, CreateAutomationPayload, call, dict)

    @strawberry.mutation(
        permission_classes=MANAGE_AUTOMATIONS,
        description="Change an automation. Another definition is a new version; runs under way stay with theirs.",
    )
    async def update_automation(
        self, info: Info, input: Annotated[UpdateAutomationInput, _INPUT]
    ) -> UpdateAutomationPayload:
        async def call() -> Outcome[Shown]:
            return shown(
                await info.context.domain.automations.service.update(
                    info.context.viewer,
                    input.id,
                    input.command(),
                    expected_version=value_or_none(input.expected_version),
                )
            )

        return await answer(info, UpdateAutomationPayload, call, dict)

    @strawberry.mutation(
        permission_classes=MANAGE_AUTOMATIONS,
        description="Switch an automation on or off. Off, its triggers do not fire; runs under way go on.",
    )
    async def set_automation_enabled(
        self, info: Info, input: Annotated[SetAutomationEnabledInput, _INPUT]
    ) -> SetAutomationEnabledPayload:
        async def call() -> Outcome[model.Automation]:
            return await info.context.domain.automations.service.update(
                info.context.viewer, input.id, WriteAutomation(enabled=input.enabled)
            )

        return await answer(info, SetAutomationEnabledPayload, call, lambda found: {"automation": Automation.of(found)})

    @strawberry.mutation(
        permission_classes=MANAGE_AUTOMATIONS,
        description=(
            "Delete an automation, for good. Runs under way are cancelled, and those who watch them are told; what its "
            "runs did can be read until they are forgotten."
        ),
    )
    async def delete_automation(
        self, info: Info, input: Annotated[DeleteAutomationInput, _INPUT]
    ) -> DeleteAutomationPayload:
        async def call() -> Outcome[str]:
            return await info.context.domain.automations.service.delete(
                info.context.viewer, input.id, expected_version=value_or_none(input.expected_version)
            )

        return await answer(info, DeleteAutomationPayload, call, lambda gone: {"deleted_automation_id": ID(gone)})

    @strawberry.mutation(
        permission_classes=MANAGE_AUTOMATIONS,
        description="Run an automation now, whatever its filters and conditions say, and even when it is off.",
    )
    async def run_automation(self, info: Info, input: Annotated[RunAutomationInput, _INPUT]) -> RunAutomationPayload:
        async def call() -> Outcome[model.AutomationRun | None]:
            return await info.context.domain.automations.service.run_by_hand(
                info.context.viewer,
                input.id,
                trigger_id=value_or_none(input.trigger),
                payload=input.given_payload(),
                context_key=value_or_none(input.context_key),
                idempotency_key=value_or_none(input.idempotency_key),
            )

        return await answer(
            info, RunAutomationPayload, call, lambda run: {"run": AutomationRun.of(run) if run else None}
        )

    @strawberry.mutation(
        permission_classes=MANAGE_AUTOMATIONS,
        description="Cancel a run. One that is over stays as it is; a step under way is finished, and none follows it.",
    )
    async def cancel_automation_run(
        self, info: Info, input: Annotated[CancelAutomationRunInput, _INPUT]
    ) -> CancelAutomationRunPayload:
        async def call() -> Outcome[model.AutomationRun]:
            return await info.context.domain.automations.service.cancel_run(info.context.viewer, input.id)

        return await answer(info, CancelAutomationRunPayload, call, lambda run: {"run": AutomationRun.of(run)})
