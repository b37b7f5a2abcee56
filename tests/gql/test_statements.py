"""Every field of every object that a list leads to costs as many statements for many rows as for few."""

import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import pytest
from graphql import GraphQLObjectType

from domain.bootstrap import Domain
from domain.model.commands import CreateIncident
from domain.model.incident import HealthOverride, Severity
from domain.settings import Settings
from gql.schema import schema
from tests.conftest import CountStatements
from tests.factories import ADMIN
from tests.gql.dialects import on_both_databases
from tests.gql.rows import grow
from tests.gql.subscriptions.watching import now, watching
from tests.gql.walking import Place, Walk, is_empty

FEW, MANY = (5, 50) if os.environ.get("EXAMPLES") == "all" else (2, 6)
_SYSTEMS = [f"system-{number}" for number in range(MANY)]
_PERIOD = 'from: "2026-03-01T08:00:00Z", to: "2026-03-02T00:00:00Z"'
_GROUPS = 'groupBy: [SYSTEM, LABEL, OPENED_BY, SEVERITY, STATUS], labelKey: "team"'
#: The arguments that fields cannot do without, or have too little to show without.
ARGUMENTS = {
    "Query.activeHealthOverrides": f"systemIds: {json.dumps(_SYSTEMS)}",
    "Query.incidentCounts": _GROUPS,
    "Query.incidentMetrics": f"{_PERIOD}, {_GROUPS}",
    "Incident.inStateSince": "field: STATUS",
    "Incident.timeline": "first: 20",
    "System.healthHistory": _PERIOD,
    "System.uptime": f"{_PERIOD}, bucket: DAY",
    # Others that are no lists push one thing at a time.
    "Subscription.systemHealth": "after: $after",
}
#: The same of lists as they were: these have readers of their own.
PAST = ARGUMENTS | {"Query.incidents": "atCursor: $after"}
#: Plain columns that are null of everything here.
EMPTY = {
    "AuditEntry.tokenId",
    *(f"ApiToken.{name}" for name in ("expiresAt", "lastUsedAt", "revokedAt")),
    *(f"Automation.{name}" for name in ("description", "managedBy")),
    "AutomationRun.reason",
    *(f"Incident.{name}" for name in ("fixingAt", "monitoringAt", "resolvedAt", "timeToResolveSeconds")),
    *("Integration.maskedFields", "IntegrationDelivery.incidentIds", "IntegrationDelivery.replayOf"),
    *(f"IncidentTransition.from{name}" for name in ("Value", "Status", "Severity", "SystemIds")),
    *("Webhook.document", "Webhook.formerSecretUntil", "Webhook.disabledAt", "Webhook.disabledReason"),
    *("Webhook.failingSince", "Webhook.lastSuccessAt", "Webhook.pausedUntil", "Webhook.gapSince"),
    *(f"WebhookDelivery.{name}" for name in ("lastAttemptAt", "deliveredAt", "responseStatus", "reason")),
    *("WebhookDelivery.durationMillis", "WebhookDelivery.bodyBytes"),
}
#: Objects of which there are as many however many rows there are.
CONSTANT = {"Action", "ArtifactType", "AutomationTemplate", "Trigger"}
#: Objects that no list of rows leads to: single ones, and what is worked out when it is asked for.
SINGLE = {
    "Erasure",
    *("AutomationProblem", "AutomationValidation"),
    *("DryRun", "DryRunOmission", "IncidentDiff", "PredictedChange", "PredictedFieldChange", "PredictedRun"),
    *("PredictedStep", "SkipCount"),
    *("ExplainedChange", "Explanation"),
    *("Mutation", "Query", "Subscription"),
    *("IncidentResult", "PageInfo", "RateLimit", "UserError", "Viewer"),
}
#: The ends of names of what wraps other objects.
WRAPPERS = ("Connection", "Edge", "Payload")


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings that let a query ask for all of it."""
    return replace(settings, max_cost=1_000_000)


@dataclass(frozen=True, slots=True)
class Asked:
    """The statements that a place cost, and the objects that it showed."""

    sent: list[str]
    objects: list[Mapping[str, Any]]


@on_both_databases
async def test_every_field_costs_as_many_statements_for_many_rows_as_for_few(
    domain: Domain, count_statements: CountStatements
) -> None:
    walk, past = (Walk(schema._schema, arguments) for arguments in (ARGUMENTS, PAST))
    places = [*walk.places(), *(place for place in past.places() if place.names[0] == "incidents")]
    asked = []
    for numbers in (range(FEW), range(FEW, MANY)):
        await grow(domain, numbers)
        start = await now(domain)
        await _strike(domain, _SYSTEMS[: numbers.stop])
        asked.append({place: await _asked(domain, count_statements, place, walk, start) for place in places})
    few, many = asked
    for place, found in many.items():
        # There may be fewer: what a process asks its database for once is asked for few.
        assert Counter(found.sent) - Counter(few[place].sent) == Counter(), place.type.name
    many = {place: many[place] for place in walk.places()}
    messages = {place.type.name for place in many if place.is_message}
    grown = {place.type.name for place in many if len(many[place].objects) > len(few[place].objects)}
    assert grown | messages | CONSTANT | SINGLE == _object_types(), (
        "of each object type there is a list, or it is named here"
    )
    empty = {
        f"{place.type.name}.{name}"
        for place, found in many.items()
        for name in walk.selections(place.type)
        # The first message of a live list moves nothing.
        if name != "previousIndex" and all(is_empty(each[name]) for each in found.objects)
    }
    assert empty == EMPTY, "each field shows something, or it is named here"


def _object_types() -> set[str]:
    types = [type for type in schema._schema.type_map.values() if isinstance(type, GraphQLObjectType)]
    return {type.name for type in types if not type.name.startswith("__") and not type.name.endswith(WRAPPERS)}


async def _strike(domain: Domain, systems: list[str]) -> None:
    """Open an incident that changes the health of all these systems at once."""
    override = HealthOverride.UNHEALTHY
    command = CreateIncident(title="It spreads", severity=Severity.MAJOR, systems=systems, health_override=override)
    opened = (await domain.incidents.create(ADMIN, command)).value.incident
    assert opened is not None


async def _asked(domain: Domain, count_statements: CountStatements, place: Place, walk: Walk, start: str) -> Asked:
    """Return what all fields of a place cost at once."""
    document = place.document(list(walk.selections(place.type).values()))
    # Pushed or not, the first result is what counts.
    with count_statements() as sent:
        async with watching(domain, document.replace("$after", json.dumps(start)), viewer=ADMIN) as watcher:
            result = await watcher.next()
    assert "errors" not in result, (document, result["errors"])
    return Asked(sorted(" ".join(statement.split())[:60] for statement in sent), place.objects(result["data"]))
