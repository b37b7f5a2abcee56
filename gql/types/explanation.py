"""Why something is as it is."""

from datetime import datetime
from typing import Self

import strawberry

from domain.automations import explanation as model
from domain.model.automation import AutomationRun
from domain.model.change import Change
from gql.types.actor import Actor
from gql.types.enums import ChangeAction


@strawberry.type(description="A change of an incident or of a system's health, as a node of an explanation.")
class ExplainedChange:
    id: strawberry.ID = strawberry.field(description="The id of the change.")
    seq: int = strawberry.field(description="Its place in the log.")
    kind: str = strawberry.field(description="What changed: `incident` or `health`.")
    entity_id: strawberry.ID = strawberry.field(description="The id of the incident, or of the system.")
    action: ChangeAction = strawberry.field(description="What became of it.")
    events: list[str] = strawberry.field(description="The trigger events that it fired, such as `incident.created`.")
    actor: Actor = strawberry.field(description="Who made it.")
    occurred_at: datetime = strawberry.field(description="When it happened.")

    @classmethod
    def of(cls, change: Change) -> Self:
        return cls(
            id=strawberry.ID(change.id),
            seq=change.seq,
            kind=change.kind,
            entity_id=strawberry.ID(change.entity_id),
            action=change.action,
            events=list(change.events),
            actor=Actor.of(change.actor),
            occurred_at=change.occurred_at,
        )


@strawberry.type(description="A run of an automation, or a firing that led to none, as a node of an explanation.")
class ExplainedRun:
    id: strawberry.ID = strawberry.field(description="The id of the run.")
    automation_id: strawberry.ID = strawberry.field(description="The id of the automation.")
    status: str = strawberry.field(description="Where it stands, such as `waiting`; `skipped` where there was no run.")
    trigger_id: str = strawberry.field(description="The id of the trigger within the automation.")
    event: str = strawberry.field(description="What fired it, such as `system.degraded`.")
    skip_reason: str | None = strawberry.field(description="Why there was no run, such as `filter`.")
    message: str | None = strawberry.field(description="Why it failed, was stopped or skipped, for people.")
    created_at: datetime = strawberry.field(description="When it was fired.")
    finished_at: datetime | None = strawberry.field(description="When it ended; null while it is active.")

    @classmethod
    def of(cls, run: AutomationRun) -> Self:
        return cls(
            id=strawberry.ID(run.id),
            automation_id=strawberry.ID(run.automation_id),
            status=run.status.value,
            trigger_id=run.trigger_id,
            event=run.firing.event,
            skip_reason=None if run.reason is None else run.reason.value,
            message=run.message,
            created_at=run.created_at,
            finished_at=run.finished_at,
        )


@strawberry.type(description="That one node led to another.")
class ExplanationEdge:
    link: str = strawberry.field(
        description="`fired` from a change to a run, `wrote` from a run to a change, `caused` between changes."
    )
    source: strawberry.ID = strawberry.field(description="The id of the node that led to the other.")
    target: strawberry.ID = strawberry.field(description="The id of the other.")


@strawberry.type(description="What led to something, up to the root, and all that followed, as a graph of 500 nodes.")
class Explanation:
    start: list[strawberry.ID] = strawberry.field(description="The ids of the nodes that were asked about.")
    changes: list[ExplainedChange] = strawberry.field(description="The changes, in the order of the log.")
    runs: list[ExplainedRun] = strawberry.field(description="The runs, and the firings that led to none.")
    edges: list[ExplanationEdge] = strawberry.field(description="What led to what; no edge leads back.")
    truncated: bool = strawberry.field(description="Whether there is more than the graph holds.")

    @classmethod
    def of(cls, explanation: model.Explanation) -> Self:
        return cls(
            start=[strawberry.ID(identifier) for identifier in explanation.start],
            changes=[ExplainedChange.of(change) for change in explanation.changes],
            runs=[ExplainedRun.of(run) for run in explanation.runs],
            edges=[
                ExplanationEdge(
                    link=edge.link.value, source=strawberry.ID(edge.source), target=strawberry.ID(edge.target)
                )
                for edge in explanation.edges
            ],
            truncated=explanation.truncated,
        )
