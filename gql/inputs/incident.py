"""Inputs of the mutations on incidents, timelines and links."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import strawberry

from domain.model.commands import (
    AddIncidentLink,
    AddIncidentUpdate,
    CreateIncident,
    EditIncidentUpdate,
    SetIncidentLabels,
    UpdateIncident,
    UpdateIncidentLink,
)
from gql.inputs.given import kept_or_cleared, kept_or_set, value_or_none
from gql.types.enums import HealthOverride, Severity, Status, Visibility

VERSION = "The version that the caller saw; the write is refused where the incident has another one now."
KEY = (
    "A key of the caller's choice: a repeated call with it, within a day and with the same input, "
    "gets the first one's answer instead of a second effect."
)


def _optional(description: str) -> Any:
    return strawberry.field(default=strawberry.UNSET, description=description)


def _field(description: str) -> Any:
    return strawberry.field(description=description)


@strawberry.input(description="A label of an incident.")
class IncidentLabelInput:
    key: str = _field(
        "The key: 1 to 64 letters, digits, dots, dashes, slashes or underscores, such as `team`. Case matters."
    )
    value: str | None = _optional(
        "The value, 1 to 200 characters in one line; null, or absent, removes the label, NOT_FOUND where there is none."
    )


@strawberry.input(description="An incident to open. It starts as INVESTIGATING.")
class CreateIncidentInput:
    title: str = _field("Its title, 1 to 200 characters in one line, at least one of them visible.")
    severity: Severity = _field("Its severity.")
    system_ids: list[str] = _field("The systems it affects, 1 to 100, by id or key.")
    description: str | None = _optional("Its description, at most 20,000 characters of Markdown.")
    initial_message: str | None = _optional("The first entry of its timeline.")
    initial_visibility: Visibility | None = _optional("The visibility of that entry; by default PUBLIC.")
    suppress_notifications: bool | None = _optional(
        "Whether health notifications of its systems are silenced while it is open."
    )
    health_override: HealthOverride | None = _optional("The health that it sets for its systems while it is open.")
    dedupe_key: str | None = _optional("A key that limits deduplication to incidents opened with the same one.")
    dedupe_open_for_system: bool | None = _optional(
        "Whether to reuse the oldest open incident on the first of the systems instead of opening another."
    )
    occurred_at: datetime | None = _optional("When it began, if that was earlier than now.")
    labels: list[IncidentLabelInput] | None = _optional("Its labels, at most 50, each with a value.")
    idempotency_key: str | None = _optional(KEY)

    def command(self) -> CreateIncident:
        return CreateIncident(
            title=self.title,
            severity=self.severity,
            systems=self.system_ids,
            description=value_or_none(self.description),
            initial_message=value_or_none(self.initial_message),
            initial_visibility=value_or_none(self.initial_visibility) or Visibility.PUBLIC,
            suppress_notifications=bool(self.suppress_notifications),
            health_override=value_or_none(self.health_override),
            dedupe_key=value_or_none(self.dedupe_key),
            dedupe_open_for_system=bool(self.dedupe_open_for_system),
            occurred_at=value_or_none(self.occurred_at),
            labels=_pairs_of(value_or_none(self.labels) or ()),
        )


@strawberry.input(description="Labels of an incident to set or remove. Those that are not named stay.")
class SetIncidentLabelsInput:
    id: strawberry.ID = _field("The incident.")
    labels: list[IncidentLabelInput] = _field("The labels; an incident has 50 at most.")
    expected_version: int | None = _optional(VERSION)

    def command(self) -> SetIncidentLabels:
        return SetIncidentLabels(
            id=self.id,
            labels=_pairs_of(self.labels),
            expected_version=value_or_none(self.expected_version),
        )


def _pairs_of(labels: Sequence[IncidentLabelInput]) -> tuple[tuple[str, str | None], ...]:
    return tuple((label.key, value_or_none(label.value)) for label in labels)


@strawberry.input(description="Fields of an incident to change: absent ones stay, null clears.")
class UpdateIncidentInput:
    id: strawberry.ID = _field("The incident.")
    title: str | None = _optional("Its title, 1 to 200 characters in one line, at least one of them visible.")
    description: str | None = _optional("Its description; null clears it.")
    severity: Severity | None = _optional("Its severity.")
    suppress_notifications: bool | None = _optional(
        "Whether health notifications of its systems are silenced while it is open."
    )
    health_override: HealthOverride | None = _optional("The health that it sets for its systems; null clears it.")
    system_ids: list[str] | None = _optional("All systems it affects from now on, 1 to 100, by id or key.")
    occurred_at: datetime | None = _optional(
        "When it began: not in the future, and not later than any entry of its timeline. The entry of "
        "`initialMessage` moves along."
    )
    expected_version: int | None = _optional(VERSION)

    def command(self) -> UpdateIncident:
        return UpdateIncident(
            id=self.id,
            title=kept_or_set(self.title, "title"),
            description=kept_or_cleared(self.description),
            severity=kept_or_set(self.severity, "severity"),
            suppress_notifications=kept_or_set(self.suppress_notifications, "suppressNotifications"),
            health_override=kept_or_cleared(self.health_override),
            systems=kept_or_set(self.system_ids, "systemIds"),
            occurred_at=kept_or_set(self.occurred_at, "occurredAt"),
            expected_version=value_or_none(self.expected_version),
        )


@strawberry.input(description="An entry to add to an incident's timeline.")
class AddIncidentUpdateInput:
    incident_id: strawberry.ID = _field("The incident.")
    message: str = _field("The text, 1 to 25,000 characters of Markdown.")
    status_change: Status | None = _optional(
        "The status that the incident changes to with it; the status that it had then makes the entry a comment."
    )
    visibility: Visibility | None = _optional("Its visibility; by default PUBLIC.")
    created_at: datetime | None = _optional(
        "The time to date it, by default now: not in the future, and not before the incident's `occurredAt`."
    )
    expected_version: int | None = _optional(VERSION)
    idempotency_key: str | None = _optional(KEY)

    def command(self) -> AddIncidentUpdate:
        return AddIncidentUpdate(
            incident_id=self.incident_id,
            message=self.message,
            status_change=value_or_none(self.status_change),
            visibility=value_or_none(self.visibility) or Visibility.PUBLIC,
            created_at=value_or_none(self.created_at),
            expected_version=value_or_none(self.expected_version),
        )


@strawberry.input(description="The fields of a timeline entry to change: absent ones stay.")
class EditIncidentUpdateInput:
    id: strawberry.ID = _field("The entry.")
    incident_id: strawberry.ID = _field("The incident that it belongs to.")
    message: str | None = _optional("The text.")
    status_change: Status | None = _optional("The status that it carries; it can be changed, but not taken away.")
    visibility: Visibility | None = _optional("Its visibility.")
    created_at: datetime | None = _optional(
        "The time to date it: not in the future, and not before the incident's `occurredAt`. The entry of "
        "`initialMessage` moves `occurredAt` along, and cannot be dated later than another entry."
    )
    expected_version: int | None = _optional(VERSION)

    def command(self) -> EditIncidentUpdate:
        return EditIncidentUpdate(
            id=self.id,
            incident_id=self.incident_id,
            message=kept_or_set(self.message, "message"),
            status_change=kept_or_set(self.status_change, "statusChange"),
            visibility=kept_or_set(self.visibility, "visibility"),
            created_at=kept_or_set(self.created_at, "createdAt"),
            expected_version=value_or_none(self.expected_version),
        )


@strawberry.input(description="A timeline entry to delete.")
class DeleteIncidentUpdateInput:
    id: strawberry.ID = _field("The entry.")
    incident_id: strawberry.ID = _field("The incident that it belongs to.")
    expected_version: int | None = _optional(VERSION)


@strawberry.input(description="An incident to resolve.")
class ResolveIncidentInput:
    id: strawberry.ID = _field("The incident.")
    message: str | None = _optional("The text of the timeline entry; on a resolved incident it becomes a comment.")
    resolved_at: datetime | None = _optional(
        "When it was resolved, by default now: not in the future, not before `occurredAt`, and not before its last "
        "change of status; for a resolved incident, the time that it has already."
    )
    visibility: Visibility | None = _optional("The visibility of the timeline entry; by default PUBLIC.")
    expected_version: int | None = _optional(VERSION)


@strawberry.input(description="An incident to delete, with its timeline and links.")
class DeleteIncidentInput:
    id: strawberry.ID = _field("The incident.")
    expected_version: int | None = _optional(VERSION)


@strawberry.input(description="Incidents to resolve, one by one in the order given.")
class ResolveIncidentsInput:
    ids: list[strawberry.ID] = _field("The incidents, 1 to 100.")
    message: str | None = _optional("The text of each timeline entry.")


@strawberry.input(description="Incidents to delete, one by one in the order given.")
class DeleteIncidentsInput:
    ids: list[strawberry.ID] = _field("The incidents, 1 to 100.")


@strawberry.input(description="A link to add to an incident.")
class AddIncidentLinkInput:
    incident_id: strawberry.ID = _field("The incident.")
    url: str = _field(
        "An absolute http or https address, unique on the incident, without a user or password, with spaces and quotes "
        "percent-encoded."
    )
    label: str | None = _optional("Its label, at most 120 characters in one line.")
    visibility: Visibility | None = _optional("Its visibility; by default PUBLIC.")
    expected_version: int | None = _optional(VERSION)
    idempotency_key: str | None = _optional(KEY)

    def command(self) -> AddIncidentLink:
        return AddIncidentLink(
            incident_id=self.incident_id,
            url=self.url,
            label=value_or_none(self.label),
            visibility=value_or_none(self.visibility) or Visibility.PUBLIC,
            expected_version=value_or_none(self.expected_version),
        )


@strawberry.input(description="The fields of a link to change: absent ones stay, null clears.")
class UpdateIncidentLinkInput:
    id: strawberry.ID = _field("The link.")
    incident_id: strawberry.ID = _field("The incident that it belongs to.")
    url: str | None = _optional("Its address.")
    label: str | None = _optional("Its label; null clears it.")
    visibility: Visibility | None = _optional("Its visibility.")
    expected_version: int | None = _optional(VERSION)

    def command(self) -> UpdateIncidentLink:
        return UpdateIncidentLink(
            id=self.id,
            incident_id=self.incident_id,
            url=kept_or_set(self.url, "url"),
            label=kept_or_cleared(self.label),
            visibility=kept_or_set(self.visibility, "visibility"),
            expected_version=value_or_none(self.expected_version),
        )


@strawberry.input(description="A link to remove from an incident.")
class RemoveIncidentLinkInput:
    id: strawberry.ID = _field("The link.")
    incident_id: strawberry.ID = _field("The incident that it belongs to.")
    expected_version: int | None = _optional(VERSION)
