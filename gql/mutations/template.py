"""The mutation that installs a ready-made automation."""

from typing import Annotated

import strawberry

from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.given import value_or_none
from gql.inputs.template import InstallAutomationInput
from gql.mutations.answers import answer
from gql.mutations.automation import Shown, shown
from gql.permissions import MANAGE_AUTOMATIONS
from gql.types.payloads import InstallAutomationPayload

_INPUT = strawberry.argument(description="The input of the mutation.")


@strawberry.type
class TemplateMutations:
    @strawberry.mutation(
        permission_classes=MANAGE_AUTOMATIONS,
        description="Install a ready-made automation. It is then like any other.",
    )
    async def install_automation(
        self, info: Info, input: Annotated[InstallAutomationInput, _INPUT]
    ) -> InstallAutomationPayload:
        async def call() -> Outcome[Shown]:
            return shown(
                await info.context.domain.automations.service.create(
                    info.context.viewer,
                    input.command(),
                    idempotency_key=value_or_none(input.idempotency_key),
                    mutation="installAutomation",
                )
            )

        return await answer(info, InstallAutomationPayload, call, dict)
