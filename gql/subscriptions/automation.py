"""Subscriptions about runs of automations."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Annotated

import strawberry

from domain.entities.run import RUN
from domain.services.events import Watch
from gql.context import Context, Info
from gql.inputs.given import value_or_none
from gql.permissions import SEE_AUTOMATIONS
from gql.subscriptions.following import After, given, states
from gql.types.automation import AutomationRun, statuses_of
from gql.types.enums import RunStatus


@strawberry.type
class AutomationSubscriptions:
    @strawberry.subscription(
        permission_classes=SEE_AUTOMATIONS,
        description=(
            "The run as it is, then again after every change of it and its steps, until it is finished. Once it is "
            "pruned, null comes and the subscription ends. With `after`, its present state comes first only if it "
            "changed since. For responders."
        ),
    )
    async def automation_run(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")],
        after: After = strawberry.UNSET,
    ) -> AsyncGenerator[AutomationRun | None, None]:
        context = info.context
        watch = Watch(audience=context.audience, kind=RUN.name, entity_id=id)
        following = states(
            context,
            watch,
            given(after),
            noun="Run",
            read=lambda: _present(context, id),
            is_over=lambda run: run.status.is_final,
        )
        async with aclosing(following) as runs:
            async for run in runs:
                yield run

    @strawberry.subscription(
        permission_classes=SEE_AUTOMATIONS,
        description=(
            "Each run as it is now, on every change of its status from the firing of its trigger on. Skipped firings "
            "are not included. For responders."
        ),
    )
    async def automation_runs(
        self,
        info: Info,
        automation_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only runs of this automation.")
        ] = strawberry.UNSET,
        statuses: Annotated[
            list[RunStatus] | None,
            strawberry.argument(description="Only changes to one of these statuses; by default all."),
        ] = strawberry.UNSET,
        after: After = strawberry.UNSET,
    ) -> AsyncGenerator[AutomationRun, None]:
        context = info.context
        now = [("status", frozenset[str](statuses_of(statuses)))]
        of_automation = value_or_none(automation_id)
        if of_automation is not None:
            now.append(("automation_id", frozenset([str(of_automation)])))
        watch = Watch(audience=context.audience, kind=RUN.name, fields=frozenset({"status"}), now=tuple(now))
        source = context.events
        position = await source.start(given(after))
        async with aclosing(source.follow(watch, position)) as changes:
            async for change in changes:
                context.at_event(change.seq)
                run = await _present(context, change.entity_id)
                # A run that was pruned since cannot be shown.
                if run is not None:
                    yield run


async def _present(context: Context, run_id: str) -> AutomationRun | None:
    found = await context.loaders.automations.runs.load(run_id)
    return AutomationRun.of(found) if found else None
