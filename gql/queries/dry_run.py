"""Trying automations."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from domain.errors import InvalidInputError
from gql.context import Info
from gql.inputs.given import value_or_none
from gql.permissions import MANAGE_AUTOMATIONS
from gql.types.dry_run import DryRun


@strawberry.type
class DryRunQueries:
    @strawberry.field(
        permission_classes=MANAGE_AUTOMATIONS,
        description=(
            "What an automation would have done in the past; nothing is written. It is played on what happened, with "
            "its own effects on top. Left out: what other automations, and people, would have done in answer to "
            "those; requests and webhooks, which are not sent, and whatever their answers would have led to. "
            "`omissions` counts what was left out, and `truncated` says whether it took too much. A span that begins "
            "before the log does is refused with CURSOR_EXPIRED. For admins."
        ),
    )
    async def dry_run_automation(
        self,
        info: Info,
        definition: Annotated[JSON, strawberry.argument(description="The definition to try.")],
        since: Annotated[datetime, strawberry.argument(name="from", description="Where the span begins.")],
        until: Annotated[datetime, strawberry.argument(name="to", description="Where it ends; now at the latest.")],
        automation_id: Annotated[
            strawberry.ID | None,
            strawberry.argument(description="The automation that it is a definition of: its own past is left out."),
        ] = strawberry.UNSET,
    ) -> DryRun | None:
        if not isinstance(definition, dict):
            raise InvalidInputError("A definition is an object.", field=["definition"])
        predicted = await info.context.domain.dry_runs.predict(
            definition, since=since, until=until, automation_id=value_or_none(automation_id)
        )
        return DryRun.of(predicted)
