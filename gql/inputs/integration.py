"""Inputs about integrations."""

from collections.abc import Mapping
from typing import Any

import strawberry
from strawberry.scalars import JSON
from strawberry.types.unset import UnsetType

from domain.alerts.service import WriteIntegration
from domain.errors import InvalidInputError
from domain.model.commands import Keep
from domain.model.integration import DeliveryFilter
from gql.inputs.given import kept_or_set, value_or_none
from gql.types.integration_enums import IntegrationDeliveryOutcome, IntegrationType

_NAME = "Its name, 1 to 200 characters in one line: the actor of what it writes."
_SYSTEM_MAPPING = (
    "From an alert to its system: `labels` (names of labels, the first that is there counts), `expression`, `values` "
    "(from what is found to the id or key of a system), `default`, and `unknown`: `create` (the default) or `refuse`."
)
_SEVERITY_MAPPING = (
    "From an alert to its severity: `expression`, `values` (from what is found to a severity) and `default`."
)
_MAPPING = (
    "In place of the rules of the format: templates for `key`, `title`, `description`, `labels` and `links`, "
    "expressions for `items`, `action`, `startsAt` and `endsAt`; `grouping` (a template `key`, and `windowSeconds`) "
    "for alerts that share an incident; and `repeatSeconds`. EVENTS needs `key` and `action`."
)
_KEEP_BODIES = "Whether bodies of deliveries are kept, as a replay needs them; by default they are."
_MASKED = "The fields of bodies whose values are masked before anything reads them, at any depth, at most 50."


@strawberry.input(
    description="An integration to create. There is no idempotency key, because its payload, a token, is not stored."
)
class CreateIntegrationInput:
    type: IntegrationType = strawberry.field(description="The format that it receives, which cannot be changed.")
    name: str = strawberry.field(description=_NAME)
    enabled: bool = strawberry.field(default=True, description="Whether its deliveries are applied.")
    system_mapping: JSON | None = strawberry.field(default=strawberry.UNSET, description=_SYSTEM_MAPPING)
    severity_mapping: JSON | None = strawberry.field(default=strawberry.UNSET, description=_SEVERITY_MAPPING)
    mapping: JSON | None = strawberry.field(default=strawberry.UNSET, description=_MAPPING)
    keep_bodies: bool = strawberry.field(default=True, description=_KEEP_BODIES)
    masked_fields: list[str] | None = strawberry.field(default=strawberry.UNSET, description=_MASKED)

    def command(self) -> WriteIntegration:
        return WriteIntegration(
            name=self.name,
            enabled=self.enabled,
            system_mapping=_object(self.system_mapping, "systemMapping"),
            severity_mapping=_object(self.severity_mapping, "severityMapping"),
            mapping=_object(self.mapping, "mapping"),
            keep_bodies=self.keep_bodies,
            masked_fields=value_or_none(self.masked_fields) or (),
        )


@strawberry.input(description="Changes of an integration; what is absent stays as it is.")
class UpdateIntegrationInput:
    id: strawberry.ID = strawberry.field(description="Its id.")
    name: str | None = strawberry.field(default=strawberry.UNSET, description=_NAME)
    enabled: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether its deliveries are applied; else they are refused and kept."
    )
    system_mapping: JSON | None = strawberry.field(default=strawberry.UNSET, description=_SYSTEM_MAPPING)
    severity_mapping: JSON | None = strawberry.field(default=strawberry.UNSET, description=_SEVERITY_MAPPING)
    mapping: JSON | None = strawberry.field(default=strawberry.UNSET, description=_MAPPING)
    keep_bodies: bool | None = strawberry.field(
        default=strawberry.UNSET, description="Whether bodies of later deliveries are kept, as a replay needs them."
    )
    masked_fields: list[str] | None = strawberry.field(default=strawberry.UNSET, description=_MASKED)

    def command(self) -> WriteIntegration:
        return WriteIntegration(
            name=kept_or_set(self.name, "name"),
            enabled=kept_or_set(self.enabled, "enabled"),
            system_mapping=_kept_or_object(self.system_mapping, "systemMapping"),
            severity_mapping=_kept_or_object(self.severity_mapping, "severityMapping"),
            mapping=_kept_or_object(self.mapping, "mapping"),
            keep_bodies=kept_or_set(self.keep_bodies, "keepBodies"),
            masked_fields=kept_or_set(self.masked_fields, "maskedFields"),
        )


@strawberry.input(description="An integration whose token is to be replaced.")
class RotateIntegrationTokenInput:
    id: strawberry.ID = strawberry.field(description="Its id.")


@strawberry.input(description="An integration to delete, with its deliveries.")
class DeleteIntegrationInput:
    id: strawberry.ID = strawberry.field(description="Its id.")


@strawberry.input(description="A delivery to apply once more. There is no idempotency key: each replay is a delivery.")
class ReplayDeliveryInput:
    id: strawberry.ID = strawberry.field(description="Its id.")


@strawberry.input(description="Conditions on deliveries, all of which have to hold.")
class IntegrationDeliveryFilter:
    integration_id: strawberry.ID | None = strawberry.field(
        default=strawberry.UNSET, description="Only deliveries to this integration."
    )
    outcomes: list[IntegrationDeliveryOutcome] | None = strawberry.field(
        default=strawberry.UNSET, description="Only deliveries with one of these outcomes."
    )


def delivery_filter(given: IntegrationDeliveryFilter | UnsetType | None) -> DeliveryFilter:
    """Return the domain's filter for a caller's.

    Raises:
        InvalidInputError: the list of outcomes is empty, which would never match.
    """
    if given is None or isinstance(given, UnsetType):
        return DeliveryFilter()
    outcomes = value_or_none(given.outcomes)
    if outcomes is not None and not outcomes:
        raise InvalidInputError("Name at least one outcome, or leave it out for all.", field=["filter", "outcomes"])
    return DeliveryFilter(
        integration_id=value_or_none(given.integration_id), outcomes=tuple(dict.fromkeys(outcomes or ()))
    )


def _object(given: Any, field: str) -> Mapping[str, Any]:
    value = value_or_none(given)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidInputError("This must be a JSON object.", field=[field])
    return value


def _kept_or_object(given: Any, field: str) -> Mapping[str, Any] | Keep:
    value = kept_or_set(given, field)
    return value if isinstance(value, Keep) else _object(value, field)
