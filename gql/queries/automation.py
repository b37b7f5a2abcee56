"""Queries about automations and their runs."""

from collections.abc import Mapping
from typing import Annotated, Any

import strawberry
from strawberry.scalars import JSON

from domain.automations.validation import InvalidDefinitionError
from domain.errors import InvalidInputError
from domain.model.paging import Among
from domain.model.selection import OneOf
from gql.compiled.declarations import all_by_id, one
from gql.context import Info
from gql.inputs.definitions import AS_OBJECT_OR_TEXT, GivenDefinition
from gql.inputs.given import value_or_none
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection_by_id
from gql.permissions import SEE_AUTOMATIONS
from gql.types.automation import (
    RUNS,
    Automation,
    AutomationProblem,
    AutomationRun,
    AutomationValidation,
    StatusesAsked,
    statuses_of,
    with_statuses,
)

_AUTOMATIONS = "automations"


def _by_id_or_name(arguments: Mapping[str, Any], *_: object) -> OneOf | None:
    given = [OneOf(by=name, value=value) for name, value in arguments.items() if value is not None]
    return given[0] if len(given) == 1 else None


def _of_group(arguments: Mapping[str, Any]) -> Among:
    named = {"group_name": arguments.get("group"), "enabled": arguments.get("enabled")}
    return tuple([(name, (value,)) for name, value in named.items() if value is not None])


def _of_automation(arguments: Mapping[str, Any]) -> Among:
    automation_id = arguments.get("automationId")
    of_one: Among = () if automation_id is None else (("automation_id", (automation_id,)),)
    return (*of_one, *with_statuses(arguments))


@strawberry.type
class AutomationQueries:
    @strawberry.field(
        permission_classes=SEE_AUTOMATIONS,
        description="The automation with that id or name; null where there is none. For responders.",
        metadata=one(_by_id_or_name),
    )
    async def automation(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, strawberry.argument(description="Its id.")] = strawberry.UNSET,
        name: Annotated[str | None, strawberry.argument(description="Its name.")] = strawberry.UNSET,
    ) -> Automation | None:
        identifier, wanted = value_or_none(id), value_or_none(name)
        if (identifier is None) is (wanted is None):
            raise InvalidInputError("Name the automation by `id` or by `name`.", field=["id"])
        if wanted is not None:
            found = await info.context.domain.automations.reads.named(wanted)
        else:
            found = await info.context.loaders.automations.automations.load(str(identifier))
        return Automation.of(found) if found else None

    @strawberry.field(
        permission_classes=SEE_AUTOMATIONS,
        description="All automations, oldest first. For responders.",
        metadata=all_by_id(_AUTOMATIONS, _of_group, descending=False),
    )
    async def automations(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        group: Annotated[
            str | None, strawberry.argument(description="Only automations of this group.")
        ] = strawberry.UNSET,
        enabled: Annotated[
            bool | None, strawberry.argument(description="Only automations that are enabled, or disabled.")
        ] = strawberry.UNSET,
    ) -> Connection[Automation] | None:
        reads, cursors = info.context.domain.automations.reads, info.context.domain.reads.cursors
        of_group, switched = value_or_none(group), value_or_none(enabled)
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return await connection_by_id(
            arguments,
            cursors,
            _AUTOMATIONS,
            lambda page: reads.automation_page(page, group=of_group, enabled=switched),
            to_node=Automation.of,
            count=lambda: reads.automation_count(group=of_group, enabled=switched),
        )

    @strawberry.field(
        permission_classes=SEE_AUTOMATIONS,
        description="The run with that id, skipped ones included; null where there is none. For responders.",
        metadata=one(lambda arguments, *_: OneOf(by="id", value=arguments["id"])),
    )
    async def automation_run(
        self, info: Info, id: Annotated[strawberry.ID, strawberry.argument(description="Its id.")]
    ) -> AutomationRun | None:
        found = await info.context.loaders.automations.runs.load(id)
        return AutomationRun.of(found) if found else None

    @strawberry.field(
        permission_classes=SEE_AUTOMATIONS,
        description="Runs, newest first. For responders.",
        metadata=all_by_id(RUNS, _of_automation, descending=True),
    )
    async def automation_runs(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        automation_id: Annotated[
            strawberry.ID | None, strawberry.argument(description="Only runs of this automation.")
        ] = strawberry.UNSET,
        statuses: StatusesAsked = strawberry.UNSET,
    ) -> Connection[AutomationRun] | None:
        reads, cursors = info.context.domain.automations.reads, info.context.domain.reads.cursors
        of_automation, asked = value_or_none(automation_id), statuses_of(statuses)
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return await connection_by_id(
            arguments,
            cursors,
            RUNS,
            lambda page: reads.run_page(page, automation_id=of_automation, statuses=asked),
            to_node=AutomationRun.of,
            count=lambda: reads.run_count(automation_id=of_automation, statuses=asked),
        )

    @strawberry.field(
        permission_classes=SEE_AUTOMATIONS,
        description="The problems of a definition, as saving it would report them. For responders.",
    )
    async def validate_automation(
        self,
        info: Info,
        definition: Annotated[JSON, strawberry.argument(description=f"The definition: {AS_OBJECT_OR_TEXT}.")],
    ) -> AutomationValidation | None:
        try:
            given = await GivenDefinition.read(definition)
        except InvalidDefinitionError as error:
            return AutomationValidation(
                valid=False, problems=AutomationProblem.list_of(error.problems), definition=None
            )
        problems = await given.placed(await info.context.domain.automations.service.problems(given.value))
        valid = not any(problem.is_error for problem in problems)
        return AutomationValidation(
            valid=valid,
            problems=AutomationProblem.list_of(problems),
            definition=JSON(given.value) if valid else None,
        )
