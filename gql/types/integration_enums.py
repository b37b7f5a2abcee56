"""The enums of integrations, imported from here alone: this module registers them with Strawberry."""

from domain.model.integration import DeliveryOutcome as IntegrationDeliveryOutcome
from domain.model.integration import IntegrationType
from gql.types.enums import described

__all__ = ["IntegrationDeliveryOutcome", "IntegrationType"]

described(
    IntegrationType,
    name="IntegrationType",
    description="The format that an integration receives.",
    values={
        IntegrationType.ALERTMANAGER: "Web hooks of Prometheus' Alertmanager.",
        IntegrationType.GRAFANA: "Web hooks of Grafana's alerting.",
        IntegrationType.PAGERDUTY: "Events of PagerDuty's Events API, version 2.",
        IntegrationType.UPTIME_KUMA: "Web hooks of Uptime Kuma.",
        IntegrationType.HEALTHCHECKS: "Web hooks of Healthchecks, with the body in the documentation.",
        IntegrationType.CLOUDEVENTS: "CloudEvents, version 1.0.",
        IntegrationType.EVENTS: "Any JSON, understood by expressions.",
    },
)

described(
    IntegrationDeliveryOutcome,
    name="IntegrationDeliveryOutcome",
    description="The outcome of a delivery.",
    values={
        IntegrationDeliveryOutcome.APPLIED: "It changed something.",
        IntegrationDeliveryOutcome.UNCHANGED: "It changed nothing: a repeat, something older, or no alert at all.",
        IntegrationDeliveryOutcome.PARTIAL: "Some of its alerts were refused, and the others applied.",
        IntegrationDeliveryOutcome.REFUSED: "It was refused, or all of its alerts were.",
    },
)
