"""Outputs of actions, which later steps see as `steps.<id>.output`; the trace shows the same."""

from enum import StrEnum
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class Skipped(StrEnum):
    """The reason why an action on an incident wrote nothing."""

    NOT_OWNER = "not_owner"
    ALREADY_RESOLVED = "already_resolved"
    ALREADY_ACKNOWLEDGED = "already_acknowledged"
    UNCHANGED = "unchanged"


class Output(BaseModel):
    """The output of an action; one without fields of its own has none."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, extra="forbid")


class _OfIncident(Output):
    incident_id: str = Field(description="The incident's id.")
    reference: str = Field(description="Its reference, such as INC-7.")


class CreateOutput(_OfIncident):
    """The output of `incident.create`."""

    external_id: str = Field(description="The incident's id.")
    reused: bool = Field(description="Whether it was open already.")
    artifact: dict[str, Any] = Field(
        description="The artifact: its type, its data, and whether the automation owns it."
    )


class ResolveOutput(_OfIncident):
    """The output of `incident.resolve`."""

    external_id: str = Field(description="The incident's id.")
    skipped: Skipped | None = Field(default=None, description="Why nothing was written; missing where something was.")
    commented: bool | None = Field(
        default=None, description="True if it was resolved already, and the message became a comment."
    )
    incident: dict[str, Any] | None = Field(default=None, description="The incident afterwards, as an artifact.")


class WrittenOutput(_OfIncident):
    """The output of `incident.acknowledge`, `incident.assign` and `incident.update`."""

    external_id: str = Field(description="The incident's id.")
    skipped: Skipped | None = Field(default=None, description="Why nothing was written; missing where something was.")
    incident: dict[str, Any] = Field(description="The incident afterwards, as an artifact.")


class EntryOutput(_OfIncident):
    """The output of `incident.add_update` and `incident.update_status`."""

    external_id: str = Field(description="The entry's id.")
    update_id: str = Field(description="The entry's id.")


class HttpOutput(Output):
    """The answer of another server."""

    status: int = Field(description="Its status, such as 200.")
    headers: dict[str, str] = Field(description="Those of its headers that hold no secrets, names in lower case.")
    body: Any = Field(
        default=None, description="Its body, 64 kB at most: JSON where it is JSON, text otherwise; missing where empty."
    )
    truncated: bool = Field(description="Whether the body was longer.")
    attempts: int = Field(description="How often the request was sent.")
    duration_seconds: float = Field(description="How long all of that took.")
