"""The documents of the pages, of the page for browsers and of a client that works as Relay does are compiled."""

import pytest

from domain.bootstrap import Domain
from tests.gql.compiled.documents import documents, reason, values_for
from tests.gql.dialects import on_both_databases

#: What is computed from much more than it shows, or read seldom, and why it is left to the generic path.
_COMPUTING = (
    "explain",
    "dryRunAutomation",
    "rateLimit",
    "incidentCounts",
    "incidentMetrics",
    "erasure",
    "markdown(",
    "maintenanceTimes",
    "visitorSubscriptions",
    "auditLog",
    "validateAutomation",
)
_COMPUTED = {name: f"Query.{name.rstrip('(')}" for name in _COMPUTING} | {
    "healthHistory": "System.healthHistory",
    "{ yaml": "Automation.yaml",
}
QUERIES = list(documents())
_REASONS = [next((why for name, why in _COMPUTED.items() if name in each.text), None) for each in QUERIES]


@on_both_databases
async def test_all_documents_are_compiled_but_those_that_compute(domain: Domain) -> None:
    values = await values_for(domain)

    found = {document.place: await reason(domain, document, values) for document in QUERIES}

    assert found == {document.place: why for document, why in zip(QUERIES, _REASONS, strict=True)}


@pytest.mark.parametrize(
    "place", ["docs/automations.md", "docs/graphql.md", "docs/graphql.md-js", "docs/tour.md-gql", "ide.js", "relay"]
)
def test_all_kinds_of_documents_are_found(place: str) -> None:
    assert any(document.place.startswith(place) for document in QUERIES)
