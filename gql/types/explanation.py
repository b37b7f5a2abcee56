"""Explanations: causes and effects as a graph."""

from datetime import datetime
from typing import Self

import strawberry

from domain.automations.services import explanation as model
from domain.entities.incident import INCIDENT
from domain.model.change import Change
from gql.context import Info
from gql.types.actor import Actor
from gql.types.automation import AutomationRun
from gql.types.change import IncidentChange
from gql.types.enums import ChangeAction


@strawberry.type(description="A change of an incident or of a system's health, as a node of an explanation.")
class ExplainedChange:
    change_id: strawberry.ID = strawberry.field(description="The id of the change.")
    seq: int = strawberry.field(description="Its position in the log.")
    kind: str = strawberry.field(description="The kind of entity that changed: `incident` or `health`.")
    entity_id: strawberry.ID = strawberry.field(description="The id of the incident, or of the system.")
    action: ChangeAction = strawberry.field(description="The kind of change.")
    events: list[str] = strawberry.field(description="The trigger events that it fired, such as `incident.created`.")
    actor: Actor = strawberry.field(description="The actor that made it.")
    occurred_at: datetime = strawberry.field(description="When it happened.")
    known: strawberry.Private[Change]

    @classmethod
    def of(cls, change: Change) -> Self:
        return cls(
            known=change,
            change_id=strawberry.ID(change.id),
            seq=change.seq,
            kind=change.kind,
            entity_id=strawberry.ID(change.entity_id),
            action=change.action,
            events=list(change.events),
            actor=Actor.of(change.actor),
            occurred_at=change.occurred_at,
        )

    @strawberry.field(description="The change of the incident; null for a change of a system's health.")
    def change(self, info: Info) -> IncidentChange | None:
        return IncidentChange.of(self.known, info.context) if self.kind == INCIDENT.name else None


@strawberry.type(description="An edge from a cause to its effect.")
class ExplanationEdge:
    link: str = strawberry.field(
        description="`fired` from a change to a run, `wrote` from a run to a change, `caused` between changes."
    )
    source: strawberry.ID = strawberry.field(description="The id of the cause.")
    target: strawberry.ID = strawberry.field(description="The id of the effect.")


@strawberry.type(description="A graph of all causes up to the root and of all effects, with at most 500 nodes.")
class Explanation:
    start: list[strawberry.ID] = strawberry.field(description="The ids of the nodes to explain.")
    changes: list[ExplainedChange] = strawberry.field(description="The changes, in the order of the log.")
    runs: list[AutomationRun] = strawberry.field(description="The runs, and the firings that led to none.")
    edges: list[ExplanationEdge] = strawberry.field(description="The edges from causes to effects, without cycles.")
    truncated: bool = strawberry.field(description="Whether there are more nodes than the graph holds.")

    @classmethod
    def of(cls, explanation: model.Explanation) -> Self:
        return cls(
            start=[strawberry.ID(identifier) for identifier in explanation.start],
            changes=[ExplainedChange.of(change) for change in explanation.changes],
            runs=[AutomationRun.of(run) for run in explanation.runs],
            edges=[
                ExplanationEdge(
                    link=edge.link.value, source=strawberry.ID(edge.source), target=strawberry.ID(edge.target)
                )
                for edge in explanation.edges
            ],
            truncated=explanation.truncated,
        )
