"""The rows of the table: what is asked, and with which variables."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

from tests.benchmarks.http.samples import Samples, spelled

Variables = Callable[[Samples, int], dict[str, Any]]
STATUSES = ("IDENTIFIED", "FIXING", "MONITORING", "INVESTIGATING")

_PAGE = """query Page($after: String) {
  incidents(first: 50, after: $after, filter: {status: {eq: RESOLVED}}) {
    edges {
      cursor
      node {
        id title status severity createdAt
        systems { name }
        updates(first: 1) { nodes { message createdAt } }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}"""

_PLACE = """query Place($moment: DateTime!) {
  incidents(first: 1, filter: {status: {eq: RESOLVED}, createdAt: {lte: $moment}}) { pageInfo { endCursor } }
}"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One kind of request; `name` is what `--ops` takes, and `operation` what the document calls it."""

    name: str
    title: str
    operation: str
    document: str
    variables: Variables = lambda _samples, _index: {}
    writes: bool = False
    #: Whether every peer answers it; else it is ours and the one written by hand.
    common: bool = True

    def bodies(self, samples: Samples) -> Iterator[bytes]:
        """Request bodies without end, each with the next variables."""
        for index in count():
            variables = self.variables(samples, index)
            body = {"query": self.document, "operationName": self.operation, "variables": variables}
            yield json.dumps(body).encode()


def place_of(moment: datetime) -> bytes:
    """Return the request for the cursor of the last resolved incident that was created by then."""
    body = {"query": _PLACE, "operationName": "Place", "variables": {"moment": spelled(moment)}}
    return json.dumps(body).encode()


def _created(samples: Samples, index: int) -> dict[str, Any]:
    incident = {
        "title": f"Disk full {index}",
        "description": f"Written by the load client, request {index}.",
        "severity": "MAJOR",
        "systemIds": samples.two_systems(index),
        "initialMessage": f"We are looking into it, {index}.",
    }
    return {"input": incident}


def _updated(samples: Samples, index: int) -> dict[str, Any]:
    # No incident twice in a row with the same status: that would be a comment.
    turn = index // len(samples.incidents)
    incident = samples.incidents[index % len(samples.incidents)]
    return {
        "input": {"incidentId": incident, "message": f"Update {index}.", "statusChange": STATUSES[turn % len(STATUSES)]}
    }


TYPENAME = Row(name="typename", title="{__typename}", operation="Typename", document="query Typename { __typename }")
BY_ID = Row(
    name="by_id",
    title="incident by id, systems, 10 updates",
    operation="ById",
    document="""query ById($id: ID!) {
  incident(id: $id) {
    id title description status severity createdAt updatedAt
    systems { id name }
    updates(first: 10) { nodes { id message statusChange createdAt } }
  }
}""",
    variables=lambda samples, index: {"id": samples.incident(index)},
)
PAGE = Row(name="page", title="page of 50, systems, last update", operation="Page", document=_PAGE)
MIDDLE = Row(
    name="middle",
    title="the same in the middle of the list",
    operation="Page",
    document=_PAGE,
    variables=lambda samples, index: {"after": samples.cursor(index)},
)
FRAGMENTS = Row(
    name="fragments",
    title="20 per page, aliases, 3 fragments",
    operation="Board",
    document="""query Board {
  newest: incidents(first: 20, filter: {status: {eq: RESOLVED}}) {
    edges { cursor node { ...Header ...Places opening: updates(last: 1) { nodes { ...Entry } } } }
    pageInfo { hasNextPage endCursor }
  }
}
fragment Header on Incident { key: id headline: title status severity opened: createdAt }
fragment Places on Incident { affected: systems { id name } latest: updates(first: 1) { nodes { ...Entry } } }
fragment Entry on IncidentUpdate { id text: message at: createdAt }""",
)
FILTERED = Row(
    name="filtered",
    title="by severity and time",
    operation="Filtered",
    document="""query Filtered($since: DateTime!) {
  incidents(first: 50, filter: {severity: {eq: CRITICAL}, createdAt: {gte: $since}, includeResolved: true}) {
    edges { cursor node { id title status severity createdAt systems { name } } }
    pageInfo { hasNextPage endCursor }
  }
}""",
    variables=lambda samples, index: {"since": samples.moment(index)},
)
SYSTEMS = Row(
    name="systems",
    title="page of systems, health, open counts",
    operation="Systems",
    document="""query Systems {
  systems(first: 50) {
    nodes { id key name health { status reported { status observedAt } } openIncidents { totalCount } }
  }
}""",
    common=False,
)
LOG = Row(
    name="log",
    title="100 events of the log",
    operation="Log",
    document="""query Log {
  incidentEvents(first: 100) { nodes { changeId type trigger incidentId occurredAt changedFields payload } }
}""",
    common=False,
)
TEXT = Row(
    name="text",
    title="text search, 20 incidents",
    operation="Text",
    document="""query Text($text: String!) {
  incidents(first: 20, filter: {text: $text, includeResolved: true}) { nodes { id title status createdAt } }
}""",
    variables=lambda samples, index: {"text": samples.text(index)},
    common=False,
)
CREATE = Row(
    name="create",
    title="createIncident",
    operation="Create",
    document="""mutation Create($input: CreateIncidentInput!) {
  createIncident(input: $input) {
    incident { id title status severity systems { id name } updates(first: 1) { nodes { id message } } }
    userErrors { code message }
  }
}""",
    variables=_created,
    writes=True,
)
UPDATE = Row(
    name="update",
    title="addIncidentUpdate with a status",
    operation="Update",
    document="""mutation Update($input: AddIncidentUpdateInput!) {
  addIncidentUpdate(input: $input) { update { id message statusChange createdAt } userErrors { code message } }
}""",
    variables=_updated,
    writes=True,
)
#: Reads first: writes change what they find.
ROWS = (TYPENAME, BY_ID, PAGE, MIDDLE, FRAGMENTS, FILTERED, SYSTEMS, LOG, TEXT, CREATE, UPDATE)
