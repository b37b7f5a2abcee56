"""Automations, their versions and their runs."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Annotated, Any, Self

import strawberry
from strawberry.scalars import JSON
from strawberry.types.unset import UnsetType

from domain.automations.definitions.writing import definition_yaml
from domain.automations.validation import Problem
from domain.errors import InvalidInputError
from domain.model import automation as model
from domain.model.automation import SHOWN
from domain.model.paging import Among
from gql.compiled.declarations import LIST, pages
from gql.context import Info
from gql.loaders import Statuses
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection, cursor_maker
from gql.types.actor import Actor
from gql.types.artifact import Artifact
from gql.types.enums import ProblemSeverity, RunStatus, SkipReason
from gql.types.node import Node
from gql.types.run import AutomationRunChange, AutomationStep

_VERSIONS, _STEPS, _ARTIFACTS, _CHANGES = "automation.versions", "run.steps", "run.artifacts", "run.changes"
#: Lists of runs, be they of one automation or of all.
RUNS = "runs"
_MOST_PROBLEMS = 100
_YAML = (
    "The definition as YAML for people to read, compare and edit: in blocks, its keys in the usual order. Where "
    "definitions are asked for, it is taken as well, and is the same definition again."
)

StatusesAsked = Annotated[
    list[RunStatus] | None,
    strawberry.argument(description="Only runs with these statuses; by default all but the skipped ones."),
]


def statuses_of(asked: Sequence[RunStatus] | UnsetType | None) -> Statuses:
    """Return the statuses that runs are filtered by.

    Raises:
        InvalidInputError: the list is empty, which would never match.
    """
    if asked is None or isinstance(asked, UnsetType):
        return SHOWN
    if not asked:
        raise InvalidInputError("Name at least one status, or leave it out.", field=["statuses"])
    return tuple(dict.fromkeys(asked))


def with_statuses(arguments: Mapping[str, Any]) -> Among:
    """Return the statuses that a list of runs has, from its arguments."""
    return (("status", statuses_of(arguments.get("statuses"))),)


async def _yaml_of(definition: Any) -> str:
    # In a thread: a long definition takes half a second.
    return await asyncio.to_thread(definition_yaml, definition)


@strawberry.type(description="A problem of a definition.")
class AutomationProblem:
    path: str = strawberry.field(
        description="Its place in the definition, such as `actions[0].config.title`; empty for the whole."
    )
    message: str = strawberry.field(description="The problem in words.")
    severity: ProblemSeverity = strawberry.field(
        description="An error keeps the definition from being saved; a warning does not."
    )
    line: int | None = strawberry.field(
        description="The line of the text, from 1; null of an object, and where the problem has no line of its own."
    )
    column: int | None = strawberry.field(description="The column in that line, from 1.")

    @classmethod
    def list_of(cls, problems: Sequence[Problem]) -> list[Self]:
        return [
            cls(
                path=problem.path,
                message=problem.message,
                severity=problem.severity,
                line=problem.place.line if problem.place else None,
                column=problem.place.column if problem.place else None,
            )
            for problem in problems[:_MOST_PROBLEMS]
        ]


@strawberry.type(description="The result of validating a definition without saving it.")
class AutomationValidation:
    valid: bool = strawberry.field(description="Whether it can be saved, perhaps with warnings.")
    problems: list[AutomationProblem] = strawberry.field(
        description="Its problems, errors before warnings, at most 100."
    )
    definition: JSON | None = strawberry.field(
        description="The definition as it was read, of a text as well; null where it cannot be saved."
    )


@strawberry.type(description="A present or former definition of an automation.")
class AutomationVersion(Node):
    number: int = strawberry.field(description="The number of the version, from 1.")
    definition: JSON = strawberry.field(description="Triggers, conditions and actions.")
    created_at: datetime = strawberry.field(description="When it was saved.")
    created_by: Actor = strawberry.field(description="The actor that saved it.")
    automation_id: strawberry.ID = strawberry.field(description="The id of the automation.")

    @classmethod
    def of(cls, version: model.AutomationVersion) -> Self:
        return cls(
            id=strawberry.ID(version.id),
            number=version.number,
            definition=JSON(version.definition),
            created_at=version.created_at,
            created_by=Actor.of(version.created_by),
            automation_id=strawberry.ID(version.automation_id),
        )

    @strawberry.field(description=_YAML)
    async def yaml(self) -> str:
        return await _yaml_of(self.definition)


@strawberry.type(
    description="An automation: actions that the server does when a trigger fires and the conditions hold."
)
class Automation(Node):
    name: str = strawberry.field(description="Its name, which no other automation has.")
    description: str | None = strawberry.field(description="Its purpose.")
    group: str | None = strawberry.field(description="The group that it is listed under.")
    enabled: bool = strawberry.field(description="Whether its triggers fire.")
    version: int = strawberry.field(description="The number of its present definition, from 1.")
    definition: JSON = strawberry.field(description="Its present definition: triggers, conditions and actions.")
    managed_by: str | None = strawberry.field(
        description="The file that manages it, such as `file:alerts.yaml`; null where people do."
    )
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When it last changed.")

    @classmethod
    def of(cls, automation: model.Automation) -> Self:
        return cls(
            id=strawberry.ID(automation.id),
            name=automation.name,
            description=automation.description,
            group=automation.group,
            enabled=automation.enabled,
            version=automation.number,
            definition=JSON(automation.definition),
            managed_by=automation.managed_by,
            created_at=automation.created_at,
            updated_at=automation.updated_at,
        )

    @strawberry.field(description=_YAML)
    async def yaml(self) -> str:
        return await _yaml_of(self.definition)

    @strawberry.field(description="All versions of its definition, newest first.", metadata=pages(_VERSIONS))
    async def versions(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[AutomationVersion]:
        cursors, loaders = info.context.domain.reads.cursors, info.context.loaders.automations
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return connection(
            await loaders.versions.load((self.id, arguments.request(cursors, _VERSIONS))),
            to_node=AutomationVersion.of,
            cursor=cursor_maker(cursors, _VERSIONS, lambda version: (version.number,)),
            count=lambda: loaders.version_counts.load(self.id),
        )

    @strawberry.field(description="Its runs, newest first.", metadata=pages(RUNS, with_statuses))
    async def runs(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        statuses: StatusesAsked = strawberry.UNSET,
    ) -> Connection["AutomationRun"]:
        cursors, loaders = info.context.domain.reads.cursors, info.context.loaders.automations
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        asked = statuses_of(statuses)
        return connection(
            await loaders.runs_of.load((self.id, (arguments.request(cursors, RUNS), asked))),
            to_node=AutomationRun.of,
            cursor=cursor_maker(cursors, RUNS, lambda run: (run.id,)),
            count=lambda: loaders.run_counts.load((self.id, asked)),
        )


@strawberry.type(description="One run of one version of an automation, or a firing of a trigger that led to none.")
class AutomationRun(Node):
    automation_id: strawberry.ID = strawberry.field(description="The id of the automation.")
    version: int = strawberry.field(description="The number of the definition that it runs.")
    trigger_id: str = strawberry.field(description="The id that the definition gives the trigger that fired.")
    event: str = strawberry.field(description="The event that fired it, such as `incident.created`.")
    payload: JSON = strawberry.field(description="The payload of the event, as expressions see it.")
    actor: Actor = strawberry.field(description="The actor that made the trigger fire.")
    context_key: str | None = strawberry.field(
        description="The object that it is about, such as the id of an incident or a system."
    )
    change_id: strawberry.ID | None = strawberry.field(
        description="The change that fired it; null for a run started by time or by a person."
    )
    depth: int = strawberry.field(description="The length of its chain of causes.")
    status: RunStatus = strawberry.field(description="Its status.")
    reason: SkipReason | None = strawberry.field(description="The reason why it was skipped.")
    message: str | None = strawberry.field(
        description="The reason in words why it failed, was stopped, skipped or cancelled."
    )
    created_at: datetime = strawberry.field(description="When the trigger fired.")
    started_at: datetime | None = strawberry.field(description="When its first step began.")
    finished_at: datetime | None = strawberry.field(description="When it finished.")
    duration_seconds: float | None = strawberry.field(
        description="From its first step to its end, in seconds; null for one that is active or never began."
    )

    @classmethod
    def of(cls, run: model.AutomationRun) -> Self:
        return cls(
            id=strawberry.ID(run.id),
            automation_id=strawberry.ID(run.automation_id),
            version=run.number,
            trigger_id=run.trigger_id,
            event=run.firing.event,
            payload=JSON(run.firing.payload),
            actor=Actor.of(run.firing.actor),
            context_key=run.firing.context_key,
            change_id=strawberry.ID(run.firing.change_id) if run.firing.change_id else None,
            depth=run.firing.depth,
            status=run.status,
            reason=run.reason,
            message=run.message,
            created_at=run.created_at,
            started_at=run.started_at,
            finished_at=run.finished_at,
            duration_seconds=run.duration_seconds,
        )

    @strawberry.field(description="The automation as it is now; null once it is deleted.", metadata=LIST)
    async def automation(self, info: Info) -> Automation | None:
        found = await info.context.loaders.automations.automations.load(self.automation_id)
        return Automation.of(found) if found else None

    @strawberry.field(description="The steps that it has reached, in that order.", metadata=pages(_STEPS))
    async def steps(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[AutomationStep]:
        cursors, loaders = info.context.domain.reads.cursors, info.context.loaders.automations
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return connection(
            await loaders.steps.load((self.id, arguments.request(cursors, _STEPS))),
            to_node=AutomationStep.of,
            cursor=cursor_maker(cursors, _STEPS, lambda step: (step.position, step.path)),
            count=lambda: loaders.step_counts.load(self.id),
        )

    @strawberry.field(description="The artifacts of its steps, oldest first.", metadata=pages(_ARTIFACTS))
    async def artifacts(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[Artifact]:
        cursors, loaders = info.context.domain.reads.cursors, info.context.loaders.automations
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return connection(
            await loaders.artifacts.load((self.id, arguments.request(cursors, _ARTIFACTS))),
            to_node=Artifact.of,
            cursor=cursor_maker(cursors, _ARTIFACTS, lambda artifact: (artifact.id,)),
            count=lambda: loaders.artifact_counts.load(self.id),
        )

    @strawberry.field(
        description="Its changes of incidents, oldest first, as far as the log is retained.", metadata=pages(_CHANGES)
    )
    async def changes(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
    ) -> Connection[AutomationRunChange]:
        cursors, loaders = info.context.domain.reads.cursors, info.context.loaders.automations
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        return connection(
            await loaders.changes.load((self.id, arguments.request(cursors, _CHANGES))),
            to_node=AutomationRunChange.of,
            cursor=cursor_maker(cursors, _CHANGES, lambda change: (change.seq,)),
            count=lambda: loaders.change_counts.load(self.id),
        )
