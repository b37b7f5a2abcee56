"""The documents of Statuspage's public API (`/api/v2/*.json`); fields that are not needed are ignored."""

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from domain.transfer.shapes import Moment


def _text(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else str(value)


Text = Annotated[str, BeforeValidator(_text)]
Identifier = Annotated[str, BeforeValidator(_text), Field(min_length=1, max_length=200)]


class _Shape(BaseModel):
    model_config = ConfigDict(extra="ignore", hide_input_in_errors=True, frozen=True)


class PageShape(_Shape):
    """The page of a document."""

    id: Identifier


class ComponentShape(_Shape):
    """A component, or a group of some."""

    id: Identifier
    name: Text
    description: Text | None = None
    group: bool | None = None
    created_at: Moment | None = None


class AffectedShape(_Shape):
    """A component of an update."""

    code: Identifier
    name: Text


class UpdateShape(_Shape):
    """An entry: when it happened is `display_at`, when it was recorded `created_at`."""

    id: Identifier
    status: Text
    body: Text | None = None
    display_at: Moment | None = None
    created_at: Moment
    affected_components: list[AffectedShape] | None = None


class IncidentShape(_Shape):
    """An incident, or a maintenance."""

    id: Identifier
    name: Text
    status: Text
    impact: Text | None = None
    shortlink: Text | None = None
    started_at: Moment | None = None
    created_at: Moment
    updated_at: Moment | None = None
    monitoring_at: Moment | None = None
    resolved_at: Moment | None = None
    incident_updates: list[UpdateShape] = []
    components: list[ComponentShape] | None = None
