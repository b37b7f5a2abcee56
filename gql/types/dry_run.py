"""The prediction of a dry run."""

from datetime import datetime
from typing import Self

import strawberry
from pydantic.alias_generators import to_camel
from strawberry.scalars import JSON

from domain.automations.services.dry_run import model
from domain.model.automation import RunStep
from gql.types.enums import ChangeAction, RunStatus, SkipReason, StepStatus


@strawberry.type(description="A step of a predicted run.")
class PredictedStep:
    path: str = strawberry.field(description="The path of the step in the definition, such as `actions[0]`.")
    kind: str = strawberry.field(description="The kind of step, such as `action` or `wait_until`.")
    action: str | None = strawberry.field(description="The action, for steps that have one.")
    status: StepStatus = strawberry.field(description="Its status at the end.")
    input: JSON | None = strawberry.field(description="Its rendered settings, or the target of its wait.")
    output: JSON | None = strawberry.field(
        description="Its result; `{skipped: outside}` where it would have left the server."
    )
    error: str | None = strawberry.field(description="The reason why it failed.")
    started_at: datetime = strawberry.field(description="When the run reached it.")
    finished_at: datetime | None = strawberry.field(description="When it finished.")
    due_at: datetime | None = strawberry.field(description="The end of its wait at the latest.")

    @classmethod
    def of(cls, step: RunStep) -> Self:
        return cls(
            path=step.path,
            kind=step.kind,
            action=step.action,
            status=step.status,
            input=None if step.input is None else JSON(step.input),
            output=None if step.output is None else JSON(step.output),
            error=step.error,
            started_at=step.started_at,
            finished_at=step.finished_at,
            due_at=step.due_at,
        )


@strawberry.type(description="A predicted run.")
class PredictedRun:
    id: strawberry.ID = strawberry.field(description="Its id within this prediction; no real run has it.")
    trigger_id: str = strawberry.field(description="The id of the trigger that fired.")
    event: str = strawberry.field(description="The event that fired it, such as `system.degraded`.")
    payload: JSON = strawberry.field(description="The payload of the event.")
    change_id: strawberry.ID | None = strawberry.field(
        description="The change that fired it, a past or a predicted one."
    )
    context_key: str | None = strawberry.field(description="The object that it is about, such as the id of a system.")
    occurred_at: datetime = strawberry.field(description="When the trigger fired.")
    status: RunStatus = strawberry.field(description="Its status at the end.")
    message: str | None = strawberry.field(description="The reason why it failed, was stopped or cancelled.")
    started_at: datetime | None = strawberry.field(description="When it began.")
    finished_at: datetime | None = strawberry.field(description="When it ended; null where it is still active.")
    steps: list[PredictedStep] = strawberry.field(description="Its steps, in the order in which it reached them.")

    @classmethod
    def of(cls, predicted: model.PredictedRun) -> Self:
        run = predicted.run
        change_id = run.firing.change_id
        return cls(
            id=strawberry.ID(run.id),
            trigger_id=run.trigger_id,
            event=run.firing.event,
            payload=JSON(dict(run.firing.payload)),
            change_id=None if change_id is None else strawberry.ID(change_id),
            context_key=run.firing.context_key,
            occurred_at=run.firing.occurred_at,
            status=run.status,
            message=run.message,
            started_at=run.started_at,
            finished_at=run.finished_at,
            steps=[PredictedStep.of(step) for step in predicted.steps],
        )


@strawberry.type(description="One field of an incident, before and after.")
class PredictedFieldChange:
    name: str = strawberry.field(description="The field, such as `status`.")
    before: JSON | None = strawberry.field(description="Its value before; null for an incident that is opened.")
    after: JSON | None = strawberry.field(description="Its value after.")


@strawberry.type(description="A predicted change of an incident.")
class PredictedChange:
    run_id: strawberry.ID | None = strawberry.field(description="The id of the predicted run.")
    action: ChangeAction = strawberry.field(description="The kind of change.")
    occurred_at: datetime = strawberry.field(description="When the change happens.")
    fields: list[PredictedFieldChange] = strawberry.field(description="The changed fields.")
    messages: list[str] = strawberry.field(description="The timeline entries that come with it.")

    @classmethod
    def of(cls, change: model.PredictedChange) -> Self:
        return cls(
            run_id=None if change.run_id is None else strawberry.ID(change.run_id),
            action=change.action,
            occurred_at=change.occurred_at,
            fields=[
                PredictedFieldChange(
                    name=to_camel(each.name),
                    before=None if each.before is None else JSON(each.before),
                    after=None if each.after is None else JSON(each.after),
                )
                for each in change.fields
            ],
            messages=list(change.messages),
        )


@strawberry.type(description="The predicted changes of one incident.")
class IncidentDiff:
    incident_id: strawberry.ID = strawberry.field(
        description="The incident's id; a predicted incident has it within this prediction only."
    )
    title: str = strawberry.field(description="Its title.")
    opened: bool = strawberry.field(description="Whether the automation would have opened it.")
    resolved: bool = strawberry.field(description="Whether the automation would have resolved it.")
    changes: list[PredictedChange] = strawberry.field(description="The changes, in order.")

    @classmethod
    def of(cls, diff: model.IncidentDiff) -> Self:
        return cls(
            incident_id=strawberry.ID(diff.incident_id),
            title=diff.title,
            opened=diff.opened,
            resolved=diff.resolved,
            changes=[PredictedChange.of(change) for change in diff.changes],
        )


@strawberry.type(description="The number of firings that lead to no run for one reason.")
class SkipCount:
    reason: SkipReason = strawberry.field(description="The reason.")
    count: int = strawberry.field(description="The number of firings.")


@strawberry.type(description="An effect that was not simulated.")
class DryRunOmission:
    what: str = strawberry.field(
        description="An action that would have left the server, or another effect that was left out."
    )
    count: int = strawberry.field(description="The number of occurrences.")


@strawberry.type(description="The predicted effects of an automation in a period. Nothing was written.")
class DryRun:
    since: datetime = strawberry.field(name="from", description="The start of the period.")
    until: datetime = strawberry.field(name="to", description="The time up to which the log was replayed.")
    changes: int = strawberry.field(description="The number of replayed changes.")
    runs: list[PredictedRun] = strawberry.field(description="The runs, in the order of their firing; at most 1,000.")
    incidents: list[IncidentDiff] = strawberry.field(description="The predicted changes of incidents.")
    skips: list[SkipCount] = strawberry.field(description="The firings that lead to no run.")
    omissions: list[DryRunOmission] = strawberry.field(description="The effects that were not simulated.")
    truncated: bool = strawberry.field(
        description="Whether the prediction is incomplete, because the dry run exceeded a limit."
    )
    truncated_by: str | None = strawberry.field(
        description="The exceeded limit: `runs`, `firings`, `changes`, `seconds` or `state`."
    )

    @classmethod
    def of(cls, prediction: model.Prediction) -> Self:
        return cls(
            since=prediction.since,
            until=prediction.until,
            changes=prediction.changes,
            runs=[PredictedRun.of(run) for run in prediction.runs],
            incidents=[IncidentDiff.of(diff) for diff in prediction.incidents],
            skips=[SkipCount(reason=reason, count=count) for reason, count in sorted(prediction.skips.items())],
            omissions=[DryRunOmission(what=each.what, count=each.count) for each in prediction.omissions],
            truncated=prediction.truncated is not None,
            truncated_by=None if prediction.truncated is None else prediction.truncated.value,
        )
