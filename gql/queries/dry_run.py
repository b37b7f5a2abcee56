"""The query that predicts an automation's effects on the past."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from domain.errors import InvalidInputError
from gql.context import Info
from gql.inputs.definitions import AS_OBJECT_OR_TEXT, GivenDefinition
from gql.inputs.given import value_or_none
from gql.permissions import MANAGE_AUTOMATIONS
from gql.types.dry_run import DryRun


@strawberry.type
class DryRunQueries:
    @strawberry.field(
        permission_classes=MANAGE_AUTOMATIONS,
        description=(
            "A dry run of an automation on the past; nothing is written. It replays the log with the automation's own "
            "effects on top. Reactions of other automations and of people to these are left out. Requests and webhooks "
            "are not sent, so that their answers have no effects. `omissions` counts what was left out, and "
            "`truncated` is true where the dry run exceeded a limit. A period that begins before the log is refused "
            "with CURSOR_EXPIRED. For admins."
        ),
    )
    async def dry_run_automation(
        self,
        info: Info,
        definition: Annotated[JSON, strawberry.argument(description=f"The definition to run: {AS_OBJECT_OR_TEXT}.")],
        since: Annotated[datetime, strawberry.argument(name="from", description="The start of the period.")],
        until: Annotated[
            datetime, strawberry.argument(name="to", description="The end of the period, now at the latest.")
        ],
        automation_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(
                description="The automation that has this definition; its own effects in the past are left out."
            ),
        ] = strawberry.UNSET,
    ) -> DryRun | None:
        given = await GivenDefinition.read(definition)
        if not isinstance(given.value, dict):
            raise InvalidInputError("A definition is an object.", field=["definition"])
        predicted = await info.context.domain.dry_runs.predict(
            given.value, since=since, until=until, automation_id=value_or_none(automation_id)
        )
        return DryRun.of(predicted)
