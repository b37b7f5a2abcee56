"""The queries that we show or send: of the pages, the page for browsers, and of a client that works as Relay does.

python -m tests.gql.compiled.documents    prints for each whether it is compiled, else the reason
"""

import asyncio
import json
import random
import re
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import OperationDefinitionNode, OperationType, get_operation_ast, parse

from domain.bootstrap import Domain, running_domain
from domain.settings import Settings
from gql.compiled.running import CompiledOperations
from gql.context import Context
from gql.schema import schema
from tests.docs.blocks import PAGES, ROOT, blocks_in
from tests.factories import ADMIN, make_incident, make_system
from tests.gql.compiled.automations import fill_automations

_IN_SHELL = re.compile(r"""gql '(\{"query".*?\})'""")
_IN_SCRIPT = re.compile(r"`((?:#[^\n]*\n)*query [^`]*)`")
_IN_BODY = re.compile(r'JSON\.stringify\(\{ query: "([^"]+)"')
_IN_PROGRAM = re.compile(r"query: `(query [^`]*)`")
_PAGE = """
query Page($first: Int = 20, $after: String, $filter: IncidentFilter) {
  ...List_query
}
fragment List_query on Query {
  incidents(first: $first, after: $after, filter: $filter) {
    edges { cursor node { id __typename ...Row_incident } }
    pageInfo { hasNextPage endCursor }
  }
}
fragment Row_incident on Incident {
  id reference title status systems { id name }
  since: inStateSince(field: $field) automationRun { id automation { id name } }
}
"""
_REFETCH = """
query Refetch($id: ID!, $count: Int = 10, $cursor: String) {
  node(id: $id) { __typename ...Timeline_incident id }
}
fragment Timeline_incident on Incident {
  id
  updates(first: $count, after: $cursor) {
    edges { cursor node { id message createdBy { name } __typename } }
    pageInfo { hasNextPage endCursor }
    totalCount
  }
}
"""
_RUNS = """
query Runs($automation: ID, $count: Int!, $cursor: String, $statuses: [AutomationRunStatus!] = [SUCCESS, FAILED]) {
  viewer { role actor { name } }
  automations(first: 10) { edges { node { id ...Card_automation __typename } cursor } pageInfo { ...Place_pageInfo } }
  automationRuns(automationId: $automation, first: $count, after: $cursor, statuses: $statuses) {
    edges { cursor node { id ...Trace_run __typename } }
    pageInfo { ...Place_pageInfo }
  }
}
fragment Place_pageInfo on PageInfo { hasNextPage endCursor }
fragment Card_automation on Automation { id name group enabled versions(first: 1) { nodes { number definition } } }
fragment Trace_run on AutomationRun {
  status reason durationSeconds payload automation { id name }
  steps(first: 5) { edges { node { id path status output } } }
  artifacts { nodes { id type data } }
  changes(first: 3) { nodes { id action changedFields } totalCount }
}
"""
_REFETCH_RUN = """
query RefetchRun($run: ID!, $count: Int = 10, $cursor: String) {
  node(id: $run) { __typename ...Steps_run id }
}
fragment Steps_run on AutomationRun {
  id
  steps(first: $count, after: $cursor) {
    edges { cursor node { id path __typename } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
_REFETCH_AUTOMATION = """
query RefetchAutomation($automation: ID!, $cursor: String) {
  node(id: $automation) { __typename ...Runs_automation id }
}
fragment Runs_automation on Automation {
  id name
  runs(first: 5, after: $cursor) { edges { cursor node { id status __typename } } pageInfo { hasNextPage endCursor } }
}
"""
_LOG = """
query Log($cursor: String, $filter: IncidentEventFilter = {severity: {gte: MAJOR}}) {
  incidentChanges(first: 20, after: $cursor, filter: $filter) {
    edges { cursor node { id action delta actor { name } __typename } }
    pageInfo { hasNextPage endCursor }
  }
}
"""
_SYSTEMS = """
query Systems(
  $order: IncidentOrder = {field: SEVERITY, thenBy: {field: UPDATED_AT}}, $open: IncidentFilter, $cursor: String
) {
  systems(first: 20) {
    nodes {
      worst: incidents(first: 3, orderBy: $order, filter: {open: true}) { edges { cursor node { title } } totalCount }
      incidents(first: 2, after: $cursor, filter: $open, orderBy: $none) { nodes { id } pageInfo { endCursor } }
    }
  }
}
"""
_RELAY = {
    "systems": _SYSTEMS.replace("$cursor: String\n", "$cursor: String, $none: IncidentOrder\n"),
    "page": _PAGE.replace("$filter: IncidentFilter", "$filter: IncidentFilter, $field: IncidentField = STATUS"),
    "refetch": _REFETCH,
    "runs": _RUNS,
    "refetch of a run": _REFETCH_RUN,
    "refetch of an automation": _REFETCH_AUTOMATION,
    "log": _LOG,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A query, and where it is from."""

    place: str
    text: str
    operation: OperationDefinitionNode

    def variables(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return those of the values that it has a variable for."""
        names = [each.variable.name.value for each in self.operation.variable_definitions or ()]
        return {name: values[name] for name in names if name in values}


def documents() -> Iterator[Document]:
    """Find all queries; mutations and subscriptions are left out."""
    for place, text in _texts():
        operation = get_operation_ast(parse(text))
        if operation is not None and operation.operation is OperationType.QUERY:
            yield Document(place=place, text=text, operation=operation)


def _texts() -> Iterator[tuple[str, str]]:
    for block in blocks_in("graphql"):
        yield block.id, block.text
    for page in PAGES:
        text, name = page.read_text(), page.relative_to(ROOT).as_posix()
        for number, body in enumerate(_IN_SHELL.findall(text)):
            yield f"{name}-gql-{number}", json.loads(body)["query"]
        for number, query in enumerate(_IN_PROGRAM.findall(text)):
            yield f"{name}-js-{number}", query
    script = (ROOT / "gql" / "static" / "ide.js").read_text()
    for number, query in enumerate([*_IN_SCRIPT.findall(script), *_IN_BODY.findall(script)]):
        yield f"ide.js-{number}", query
    for name, query in _RELAY.items():
        yield f"relay, {name}", query


async def values_for(domain: Domain) -> dict[str, Any]:
    """Make what the queries ask for, and return the values of their variables."""
    system = await make_system(domain)
    incident = await make_incident(domain, "payments")
    made = await fill_automations(domain, random.Random(5), ADMIN, [system.id])
    run = next(identifier for identifier in made if identifier.startswith("run_"))
    automation = (await domain.automations.reads.runs([run]))[run].automation_id
    return {
        "incident": incident.id,
        "id": incident.id,
        "automation": automation,
        "run": run,
        "count": 5,
        "first": 5,
        "cursor": None,
    }


async def reason(domain: Domain, document: Document, values: Mapping[str, Any]) -> str | None:
    """Return why a query is not compiled; None where it is, and has the answer that it has otherwise."""
    compiled = CompiledOperations(schema, schema.documents, domain)
    variables = document.variables(values)

    def context() -> Context:
        return Context(domain=domain, request_id="req_1", viewer=ADMIN, address="192.0.2.1")

    expected = await schema.execute(document.text, variable_values=variables, context_value=context())
    results = [await compiled.execute(document.text, variables, None, context()) for _ in range(2)]
    if results[1] is not None:
        return None if (results[1].data, expected.errors) == (expected.data, None) else "another answer"
    return ", ".join(sorted({*compiled.cache.reasons} - {"seen once", "not compiled"})) or "not compiled"


async def _main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(database_url=f"sqlite:///{folder}/made.db", automations=False, rate_limit=0)
        async with running_domain(settings, live=False) as domain:
            values = await values_for(domain)
            for document in documents():
                found = await reason(domain, document, values)
                print(f"{document.place:40} {'compiled' if found is None else found}")


if __name__ == "__main__":
    asyncio.run(_main())
