"""Ids: each names one object of one type."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from graphql import GraphQLInterfaceType, GraphQLObjectType, get_named_type

from domain.bootstrap import Domain
from domain.model.moment import iso
from gql.schema import schema
from tests.client import Api
from tests.gql.dialects import on_both_databases
from tests.gql.queries.test_dry_run import DEFINITION
from tests.gql.queries.test_node import one_of_each

#: What exists within one answer, and nowhere else.
MADE_UP = {"PredictedRun"}
EVERYTHING = """
fragment R on AutomationRun {
  __typename id
  automation { __typename id versions { nodes { __typename id } } }
  steps { nodes { __typename id } }
  artifacts { nodes { __typename id } }
  changes { nodes { __typename id } }
}
query Everything($incident: ID!, $run: ID!, $definition: JSON!, $from: DateTime!, $to: DateTime!) {
  incidents(filter: {includeResolved: true}) { nodes {
    __typename id
    systems { __typename id }
    updates { nodes { __typename id editHistory { __typename id } } }
    links { nodes { __typename id } }
    relations(first: 5) { nodes { __typename id } }
    history { nodes { __typename id } }
  } }
  incidentEvents { nodes { __typename id incident { __typename id } } }
  incidentChanges { nodes { __typename id incident { __typename id } } }
  automations { nodes { __typename id runs { nodes { __typename id } } } }
  automationRun(id: $run) { ...R }
  ofRun: explain(runId: $run) { runs { __typename id } changes { __typename changeId change { __typename id } } }
  ofIncident: explain(incidentId: $incident) { runs { __typename id } changes { change { __typename id } } }
  tokens { nodes { __typename id } }
  secrets { nodes { __typename id } }
  integrations { nodes { __typename id } }
  integrationDeliveries { nodes { __typename id } }
  channels { nodes { __typename id } }
  webhooks { nodes { __typename id } }
  webhookDeliveries { nodes { __typename id } }
  visitorSubscriptions { nodes { __typename id } }
  auditLog(first: 2) { nodes { __typename id } }
  maintenances(first: 2) { nodes {
    __typename id
    instances(first: 2) { nodes { __typename id maintenance { __typename id } } }
    updates { __typename id }
  } }
  dryRunAutomation(definition: $definition, from: $from, to: $to) { runs { __typename id steps { __typename } } }
}
"""


@on_both_databases
async def test_an_id_belongs_to_one_type_and_finds_the_object(api: Api, domain: Domain) -> None:
    made = await one_of_each(domain)
    span = {"from": iso(domain.clock.now() - timedelta(hours=1)), "to": iso(domain.clock.now() + timedelta(hours=1))}
    run, incident = made["AutomationRun"], made["Incident"]
    data = await api.admin.read(EVERYTHING, incident=incident, run=run, definition=DEFINITION, **span)
    types: dict[str, set[str]] = {}
    for type, id in _met(data):
        types.setdefault(id, set()).add(type)
    assert {id: several for id, several in types.items() if len(several) > 1} == {}
    assert {type for several in types.values() for type in several} == set(_identified())
    found = "query Q($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }"
    ids = sorted(id for id, several in types.items() if not several & MADE_UP)
    assert len(ids) <= 100
    assert (await api.admin.read(found, ids=ids))["nodes"] == [
        {"__typename": next(iter(types[id])), "id": id} for id in ids
    ]


def test_every_type_with_an_id_is_a_node() -> None:
    types = _identified()
    assert {name for name, type in types.items() if "Node" not in {each.name for each in type.interfaces}} == MADE_UP


def test_types_of_the_catalogs_have_names_and_no_ids() -> None:
    for name in ("Trigger", "Action", "ArtifactType", "AutomationTemplate"):
        type = schema._schema.type_map[name]
        assert isinstance(type, GraphQLObjectType)
        assert "id" not in type.fields
        assert str(type.fields["name"].type) == "String!"


def test_every_status_of_a_run_is_an_enum() -> None:
    said = {
        (type.name, name): str(get_named_type(field.type))
        for type in schema._schema.type_map.values()
        if isinstance(type, GraphQLObjectType)
        for name, field in type.fields.items()
        if name in {"status", "reason", "skipReason"}
        and ("Run" in type.name or "Step" in type.name or "Skip" in type.name)
    }
    assert said == {
        ("AutomationRun", "status"): "AutomationRunStatus",
        ("AutomationRun", "reason"): "AutomationSkipReason",
        ("AutomationStep", "status"): "AutomationStepStatus",
        ("PredictedRun", "status"): "AutomationRunStatus",
        ("PredictedStep", "status"): "AutomationStepStatus",
        ("SkipCount", "reason"): "AutomationSkipReason",
        ("SystemHealthStep", "status"): "Health",
    }


def _identified() -> dict[str, GraphQLObjectType]:
    """Yield the types with a field `id: ID!`."""
    objects = {name: type for name, type in schema._schema.type_map.items() if isinstance(type, GraphQLObjectType)}
    assert isinstance(schema._schema.type_map["Node"], GraphQLInterfaceType)
    return {
        name: type for name, type in objects.items() if "id" in type.fields and str(type.fields["id"].type) == "ID!"
    }


def _met(data: Any) -> Iterator[tuple[str, str]]:
    """Yield every type and id in an answer."""
    if isinstance(data, dict):
        if "id" in data:
            yield data["__typename"], data["id"]
        for value in data.values():
            yield from _met(value)
    elif isinstance(data, list):
        for value in data:
            yield from _met(value)
