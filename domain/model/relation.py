"""Relations between incidents: each is seen from both of them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from domain.model.actor import Actor


class RelationType(StrEnum):
    """The relation of an incident to another."""

    DUPLICATE_OF = "duplicate_of"
    CAUSED_BY = "caused_by"
    RELATED_TO = "related_to"

    @property
    def is_mutual(self) -> bool:
        """Return whether it says of both incidents the same."""
        return self is RelationType.RELATED_TO


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentRelation:
    """A relation as one of its incidents has it; the other one has it under another id."""

    id: str
    incident_id: str
    type: RelationType
    related_id: str
    #: Whether the other incident is the one of which it says something: it is a duplicate of this one.
    is_inverse: bool
    created_at: datetime
    created_by: Actor
