"""The items of an incident's timeline: all that happened to it, whatever that is, in one order."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.model.automation import RunStep
from domain.model.change import Change, Transition
from domain.model.incident import IncidentLink, IncidentUpdate
from domain.model.relation import IncidentRelation


class TimelineKind(StrEnum):
    """The kind of an item of an incident's timeline."""

    UPDATE = "update"
    TRANSITION = "transition"
    LINK = "link"
    RELATION = "relation"
    STEP = "step"
    ACKNOWLEDGEMENT = "acknowledgement"
    ASSIGNMENT = "assignment"
    SNOOZE = "snooze"


#: The kinds of items that are changes of the log as a whole.
CHANGES = (TimelineKind.ACKNOWLEDGEMENT, TimelineKind.ASSIGNMENT, TimelineKind.SNOOZE)
Happening = IncidentUpdate | Transition | IncidentLink | IncidentRelation | RunStep | Change


@dataclass(frozen=True, slots=True, kw_only=True)
class TimelineItem:
    """One item; its id says where it stands among those of the same moment."""

    id: str
    at: datetime
    kind: TimelineKind
    what: Happening
