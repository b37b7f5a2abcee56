"""Mutations on automations and their runs."""

from collections.abc import Mapping
from dataclasses import replace
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
from gql.inputs.definitions import GivenDefinition
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

_INPUT = strawberry.argument(description="The input of the mutation.")
#: The fields of a payload.
Shown = Mapping[str, Any]


def shown(saved: Saved[model.Automation]) -> Outcome[Shown]:
    """Return the payload of a saved automation, with the warnings about its definition."""
    return Outcome(
        {"automation": Automation.of(saved.value), "problems": AutomationProblem.list_of(saved.warnings)}, saved.seq
    )


@strawberry.type
class AutomationMutations:
    @strawberry.mutation(
        permission_classes=MANAGE_AUTOMATIONS,
        description="Create an automation. A definition with problems is not saved; the payload lists all of them.",
    )
    async def create_automation(
        self, info: Info, input: Annotated[CreateAutomationInput, _INPUT]
    ) -> CreateAutomationPayload:
        async def call() -> Outcome[Shown]:
            given = await GivenDefinition.read(input.definition)
            async with given.placing():
                saved = await info.context.domain.automations.service.create(
                    info.context.viewer,
                    input.command(given.value),
                    idempotency_key=value_or_none(input.idempotency_key),
                )
            return shown(replace(saved, warnings=await given.placed(saved.warnings)))

        return await answer(info, CreateAutomationPayload, call, dict)

    @strawberry.mutation(
        permission_classes=MANAGE_AUTOMATIONS,
        description="Change an automation. Another definition becomes a new version; active runs keep theirs.",
    )
    async def update_automation(
        self, info: Info, input: Annotated[UpdateAutomationInput, _INPUT]
    ) -> UpdateAutomationPayload:
        async def call() -> Outcome[Shown]:
            given = await GivenDefinition.read(input.given_definition())
            async with given.placing():
                saved = await info.context.domain.automations.service.update(
                    info.context.viewer,
                    input.id,
                    input.command(given.value),
                    expected_version=value_or_none(input.expected_version),
                )
            return shown(replace(saved, warnings=await given.placed(saved.warnings)))

        return await answer(info, UpdateAutomationPayload, call, dict)

    @strawberry.mutation(
        permission_classes=MANAGE_AUTOMATIONS,
        description="Enable or disable an automation. While it is disabled, no trigger fires; active runs go on.",
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
            "Delete an automation for good. Active runs are cancelled, which their subscribers see. Its runs can be "
            "read until they are pruned."
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
        description="Run an automation now, ignoring its filters and conditions, even while it is disabled.",
    )
    async def run_automation(self, info: Info, input: Annotated[RunAutomationInput, _INPUT]) -> RunAutomationPayload:
        async def call() -> Outcome[model.AutomationRun | None]:
            return await info.context.domain.automations.service.run_by_hand(
                info.context.viewer,
                input.id,
                trigger_id=value_or_none(input.trigger),
                payload=await input.given_payload(),
                context_key=value_or_none(input.context_key),
                idempotency_key=value_or_none(input.idempotency_key),
            )

        return await answer(
            info, RunAutomationPayload, call, lambda run: {"run": AutomationRun.of(run) if run else None}
        )

    @strawberry.mutation(
        permission_classes=MANAGE_AUTOMATIONS,
        description="Cancel a run. A finished run stays as it is; the current step is finished, and no other follows.",
    )
    async def cancel_automation_run(
        self, info: Info, input: Annotated[CancelAutomationRunInput, _INPUT]
    ) -> CancelAutomationRunPayload:
        async def call() -> Outcome[model.AutomationRun]:
            return await info.context.domain.automations.service.cancel_run(info.context.viewer, input.id)

        return await answer(info, CancelAutomationRunPayload, call, lambda run: {"run": AutomationRun.of(run)})
