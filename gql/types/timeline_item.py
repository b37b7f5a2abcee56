"""Items of timelines: all that happened to an incident, in one list."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any, Self

import strawberry

from domain.model import timeline_item as timeline_model
from gql.compiled.declarations import LIST
from gql.context import Info
from gql.types.automation import AutomationRun
from gql.types.enums import IncidentTimelineKind
from gql.types.link import IncidentLink
from gql.types.run import AutomationStep
from gql.types.timeline import IncidentUpdate
from gql.types.transition import IncidentTransition

Relation = Annotated["IncidentRelation", strawberry.lazy("gql.types.incident")]  # type: ignore[name-defined]  # noqa: F821 - both need each other
Changed = Annotated["IncidentChange", strawberry.lazy("gql.types.change")]  # type: ignore[name-defined]  # noqa: F821 - as above


@strawberry.type(
    description="Something that happened to an incident. `kind` says which of its other fields has a value."
)
class IncidentTimelineItem:
    at: datetime = strawberry.field(description="When it happened, or the time that it is dated.")
    kind: IncidentTimelineKind = strawberry.field(description="What it is.")
    update: IncidentUpdate | None = strawberry.field(default=None, description="The entry, of UPDATE.")
    transition: IncidentTransition | None = strawberry.field(default=None, description="The change, of TRANSITION.")
    link: IncidentLink | None = strawberry.field(default=None, description="The link, of LINK.")
    relation: Relation | None = strawberry.field(default=None, description="The relation, of RELATION.")
    step: AutomationStep | None = strawberry.field(default=None, description="The action of a run, of STEP.")
    change: Changed | None = strawberry.field(
        default=None,
        description=(
            "The change of the log, of ACKNOWLEDGEMENT, ASSIGNMENT and SNOOZE: who made it, and in its `delta` "
            "`acknowledgedAt` and `acknowledgedBy`, `lead` and `assignees`, or `snoozedUntil`."
        ),
    )
    run_id: strawberry.Private[str | None] = None

    @classmethod
    def of(
        cls, item: timeline_model.TimelineItem, *, relation: Callable[[Any], Any], change: Callable[[Any], Any]
    ) -> Self:
        shown = cls(at=item.at, kind=item.kind, run_id=getattr(item.what, "run_id", None))
        name = "change" if item.kind in timeline_model.CHANGES else item.kind.value
        show = {"relation": relation, "change": change, **_SHOWN}[name]
        setattr(shown, name, show(item.what))
        return shown

    @strawberry.field(description="The run of the action, of STEP.", metadata=LIST)
    async def run(self, info: Info) -> AutomationRun | None:
        if self.run_id is None:
            return None
        found = await info.context.loaders.automations.runs.load(self.run_id)
        return AutomationRun.of(found) if found else None


#: What shows an item in the field of that name.
_SHOWN: dict[str, Callable[[Any], Any]] = {
    "update": IncidentUpdate.of,
    "transition": IncidentTransition.of,
    "link": IncidentLink.of,
    "step": AutomationStep.of,
}
