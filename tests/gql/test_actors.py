"""The identity of actors, visible to responders and admins; all others see the kind of actor."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest
from graphql import (
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    get_named_type,
    is_composite_type,
    is_non_null_type,
)

from domain.bootstrap import Domain
from domain.model.actor import Actor, ActorType
from domain.model.commands import (
    AddIncidentUpdate,
    AssignIncident,
    CreateIncident,
    EditIncidentUpdate,
    ReportSystemHealth,
    UpdateIncident,
)
from domain.model.incident import Health, Incident, Severity, Status
from domain.model.viewer import ANONYMOUS, Role, Viewer, Visibility
from domain.settings import Settings
from gql.schema import schema
from tests.client import Api, Caller
from tests.factories import ADMIN, make_incident, make_system
from tests.gql.dialects import on_both_databases
from tests.gql.subscriptions.watching import now, watching
from tests.gql.transport.sockets import Running, serving, until

PERSON = Actor(type=ActorType.USER, id="marker|subject", name="marker@example.com")
SUBJECT = Actor(type=ActorType.USER, id="marker-login", name="Marker-Login")
TOKEN = Actor(type=ActorType.APPLICATION, id="tok_marker", name="marker <bot\uff20example.com>")
ROBOT = Actor(type=ActorType.SERVICE, id="aut_marker", name="https://marker.example.com")
MARKER = "marker"

#: Arguments that a field needs, or shows nothing without; what is in capitals is put in.
GIVEN = {
    "Query.incident": "(id: INCIDENT)",
    "Query.erasure": "(person: INCIDENT)",
    "Query.system": '(key: "payments")',
    "Query.automation": "(id: INCIDENT)",
    "Query.automationRun": "(id: INCIDENT)",
    "Query.integration": "(id: INCIDENT)",
    "Query.channel": "(id: INCIDENT)",
    "Query.webhook": "(id: INCIDENT)",
    "Query.maintenance": "(id: INCIDENT)",
    "Query.markdown": '(text: "We roll back")',
    "Query.maintenanceTimes": '(startsAt: "2030-01-01T00:00:00Z", endsAt: "2030-01-01T01:00:00Z")',
    "Query.incidentMetrics": '(from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z")',
    "Query.activeHealthOverrides": '(systemIds: ["payments"])',
    "Query.validateAutomation": "(definition: {})",
    "Query.dryRunAutomation": '(definition: {}, from: "2026-01-01T00:00:00Z", to: "2026-01-02T00:00:00Z")',
    "Query.explain": "(incidentId: INCIDENT)",
    "Query.node": "(id: INCIDENT)",
    "Query.nodes": "(ids: NODES)",
    "Query.incidents": "(filter: {includeResolved: true})",
    "Subscription.incident": "(id: INCIDENT)",
    "Subscription.automationRun": "(id: INCIDENT)",
    "Subscription.incidentEvents": "(after: START)",
    "Subscription.incidentChanges": "(after: START)",
    "Subscription.systemHealth": "(after: START)",
    "System.healthHistory": '(from: "2026-01-01T00:00:00Z")',
    "System.uptime": '(from: "2026-01-01T00:00:00Z", bucket: MONTH)',
    "Incident.inStateSince": "(field: STATUS)",
}
REFUSALS = {"UNAUTHENTICATED", "FORBIDDEN"}
#: The same things once more.
LEFT_OUT = {"edges", "pageInfo"}
SHOWN_ELSEWHERE = {
    f"IncidentTimelineItem.{name}" for name in ("update", "link", "relation", "transition", "step", "run")
}


class Documents:
    """Operations that select everything, once on each path from a root."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values
        #: `Type.field` of all that they select, and a short name for each.
        self.selected: dict[str, str] = {}

    def of(self, root: GraphQLObjectType) -> Iterator[tuple[str, str]]:
        """Yield each root field and its operation."""
        for name in root.fields:
            body = self._field(root, name, ())
            for word, value in self._values.items():
                body = body.replace(f" {word}", f" {json.dumps(value)}")
            yield name, f"{root.name.lower()} {{ {body} }}"

    def _field(self, parent: GraphQLObjectType | GraphQLInterfaceType, name: str, above: tuple[str, ...]) -> str:
        field = parent.fields[name]
        place = f"{parent.name}.{name}"
        needs = any(is_non_null_type(argument.type) for argument in field.args.values())
        assert place in GIVEN or not needs, f"{place} needs arguments to be asked for"
        alias = self.selected.setdefault(place, f"f{len(self.selected)}")
        inside = self._inside(get_named_type(field.type), above)
        # By another name for each type, because those of different types would be in each other's way.
        return f"{alias}:{name}{GIVEN.get(place, '')}{inside}"

    def _inside(self, type_: GraphQLNamedType, above: tuple[str, ...]) -> str:
        if not is_composite_type(type_):
            return ""
        if not isinstance(type_, GraphQLObjectType):
            options = [one for one in schema._schema.get_possible_types(type_) if one.name not in above]
            parts = [f"... on {one.name} {self._inside(one, above)}" for one in options]
            return f"{{ __typename {' '.join(parts)} }}"
        fields = [
            self._field(type_, name, (*above, type_.name))
            for name, field in type_.fields.items()
            if name not in LEFT_OUT
            and f"{type_.name}.{name}" not in SHOWN_ELSEWHERE
            and get_named_type(field.type).name not in above
        ]
        return f"{{ __typename {' '.join(fields)} }}"


def actor_fields() -> set[str]:
    """Return every field of the schema that shows an actor."""
    types = [one for one in schema._schema.type_map.values() if isinstance(one, GraphQLObjectType)]
    return {
        f"{one.name}.{name}"
        for one in types
        for name, field in one.fields.items()
        if get_named_type(field.type).name == "Actor"
    }


@pytest.fixture
def settings(settings: Settings) -> Settings:
    """Return settings without bounds on documents."""
    return replace(
        settings,
        max_cost=10**9,
        max_depth=100,
        max_aliases=10_000,
        max_tokens=100_000,
        execution_seconds=0,
        rate_limit=0,
    )


@pytest.fixture
async def values(domain: Domain) -> Mapping[str, Any]:
    """Return an incident that each actor changed, and the ids that existed before."""
    await make_system(domain)
    start = await now(domain)
    incident = await opened(domain, PERSON)
    entry = AddIncidentUpdate(incident_id=incident.id, message="Found it", status_change=Status.IDENTIFIED)
    entries = [(await domain.timeline.add(by(actor), entry)).value.update for actor in (TOKEN, ROBOT, SUBJECT, PERSON)]
    assert entries[0] is not None
    edit = EditIncidentUpdate(id=entries[0].id, incident_id=incident.id, message="Found", visibility=Visibility.PUBLIC)
    await domain.timeline.edit(by(SUBJECT), edit)
    await domain.incidents.update(by(PERSON), UpdateIncident(id=incident.id, title="Renamed", severity=Severity.MINOR))
    await domain.responders.acknowledge(by(PERSON), incident.id)
    people = AssignIncident(id=incident.id, lead=PERSON.id, assignees=[SUBJECT.id, PERSON.id])
    await domain.responders.assign(by(PERSON), people)
    await domain.incidents.resolve(by(ROBOT), incident.id)
    for actor in (SUBJECT, TOKEN, ROBOT):
        await opened(domain, actor)
    await domain.health.report(by(PERSON), ReportSystemHealth(system="payments", status=Health.DEGRADED))
    gone = await opened(domain, TOKEN)
    await domain.incidents.delete(by(SUBJECT), gone.id)
    changes = await domain.events.raw(0, limit=100)
    nodes = [incident.id, *(entry.id for entry in entries if entry), *(change.id for change in changes)]
    return {"INCIDENT": incident.id, "NODES": nodes, "START": start}


def by(actor: Actor) -> Viewer:
    return Viewer(actor=actor, role=Role.ADMIN)


async def opened(domain: Domain, actor: Actor) -> Incident:
    command = CreateIncident(title="Down", severity=Severity.MAJOR, systems=("payments",), initial_message="Looking")
    incident = (await domain.incidents.create(by(actor), command)).value.incident
    assert incident is not None
    return incident


def test_the_documents_ask_for_every_actor_of_the_schema() -> None:
    documents = Documents({})
    roots = (schema._schema.query_type, schema._schema.subscription_type)
    assert all(list(documents.of(root)) for root in roots if root is not None)
    assert actor_fields() <= set(documents.selected)
    assert {"Actor.id", "Actor.name", "IncidentEvent.payload", "IncidentChange.delta"} <= set(documents.selected)


@pytest.fixture
def long_documents_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have long documents be validated once for all callers."""
    monkeypatch.setattr("gql.limits.cache._LONGEST_KEPT", 10**6)
    monkeypatch.setattr("gql.limits.cache._MOST_CHARACTERS", 10**7)
    monkeypatch.setattr("gql.transport.documents.LONGEST_DOCUMENT", 10**6)


@pytest.mark.usefixtures("long_documents_kept")
async def test_callers_below_responder_read_no_id_or_address(api: Api, values: Mapping[str, Any]) -> None:
    query_type = schema._schema.query_type
    assert query_type is not None
    shown: dict[str, set[str]] = {}
    # What one finds by its id, one finds by several.
    documents = {name: document for name, document in Documents(values).of(query_type) if name != "node"}
    for name, document in documents.items():
        for caller in ("anonymous", "viewer", "responder"):
            answer = await getattr(api, caller).post(json={"query": document})
            codes = {error["extensions"]["code"] for error in answer.json().get("errors", ())}
            assert (name, codes - REFUSALS) == (name, set())
            if MARKER in answer.text.casefold():
                shown.setdefault(caller, set()).add(name)
    assert set(shown) == {"responder"}
    assert shown["responder"] >= {"incident", "incidents", "incidentEvents", "incidentChanges", "system", "nodes"}


@pytest.mark.usefixtures("long_documents_kept")
async def test_a_replay_hides_actors_from_callers_below_responder(domain: Domain, values: Mapping[str, Any]) -> None:
    root = schema._schema.subscription_type
    assert root is not None
    documents = {name: text for name, text in Documents(values).of(root) if not name.startswith("automation")}
    # Without groups it shows nobody, and to group by persons is refused.
    del documents["incidentCounts"]
    counts = {"incident": 1, "incidentEvents": 6, "incidentList": 1, "systemHealth": 1, "systemList": 1}
    assert set(documents) == {"incidentChanges", *counts}
    member = Viewer(actor=Actor(type=ActorType.APPLICATION, id="tok_viewer", name="viewer"), role=Role.VIEWER)
    for name, document in documents.items():
        count = counts.get(name, 9)
        for viewer in (ANONYMOUS, member, ADMIN):
            async with watching(domain, document, viewer=viewer) as watcher:
                text = str(await watcher.data(count)).casefold()
            assert (name, viewer.role, MARKER in text) == (name, viewer.role, viewer is ADMIN)


async def test_live_events_to_groups_show_actors_by_audience(domain: Domain) -> None:
    document = "subscription { incidentChanges { actor { type id name } incident { openedBy { type id name } } } }"
    await make_system(domain)
    async with serving(domain) as running:
        texts = await _pushed(running, domain, document)
    shown = {"type": "USER", "id": None, "name": "Responder"}
    for role in (Role.ANONYMOUS, Role.VIEWER):
        assert texts[role] == {"actor": shown, "incident": {"openedBy": shown}}
    person = {"type": "USER", "id": PERSON.id, "name": PERSON.name}
    assert texts[Role.RESPONDER] == texts[Role.ADMIN] == {"actor": person, "incident": {"openedBy": person}}


async def _pushed(running: Running, domain: Domain, document: str) -> dict[Role, Any]:
    texts: dict[Role, Any] = {}
    async with (
        running.socket(Role.ANONYMOUS) as anonymous,
        running.socket(Role.VIEWER) as viewer,
        running.socket(Role.RESPONDER) as responder,
        running.socket(Role.ADMIN) as admin,
    ):
        sockets = dict(zip(Role, (anonymous, viewer, responder, admin), strict=True))
        for raw in sockets.values():
            await raw.subscribe(document)
        await until(lambda: running.members == len(sockets))
        await opened(domain, PERSON)
        for role, raw in sockets.items():
            [texts[role]] = await raw.data()
    return texts


#: Actors, and their names for callers that may not know them.
NAMES = [
    (PERSON, "Responder"),
    (SUBJECT, "Responder"),
    (TOKEN, "Application"),
    (ROBOT, "Automation"),
    (Actor(type=ActorType.USER, id="u1", name="Jane Doe"), "Jane Doe"),
    (Actor(type=ActorType.APPLICATION, id="tok_1", name="Alertmanager"), "Alertmanager"),
]


@on_both_databases
async def test_a_name_is_shown_unless_it_is_an_address_or_holds_the_id(api: Api, domain: Domain) -> None:
    await make_system(domain)
    document = "query Q($id: ID!) { incident(id: $id) { openedBy { type id name } } }"
    for actor, name in NAMES:
        incident = await opened(domain, actor)
        hidden = {"incident": {"openedBy": {"type": actor.type.name, "id": None, "name": name}}}
        shown = {"incident": {"openedBy": {"type": actor.type.name, "id": actor.id, "name": actor.name}}}
        for caller in (api.anonymous, api.viewer):
            assert await caller.read(document, id=incident.id) == hidden
        for caller in (api.responder, api.admin):
            assert await caller.read(document, id=incident.id) == shown


async def test_every_caller_sees_their_own_identity(api: Api) -> None:
    actor = (await api.viewer.read("{ viewer { actor { type id name } } }"))["viewer"]["actor"]
    assert actor["id"].startswith("tok_")


FILTERS: dict[str, Any] = {
    "plain": {"openedBy": {"in": ["tok_admin"]}},
    "nothing": {"openedBy": {"in": []}},
    "and": {"and": [{"open": True}, {"openedBy": {"in": ["tok_admin"]}}]},
    "or": {"or": [{"open": True}, {"and": [{"openedBy": {"in": ["tok_admin"]}}]}]},
    "not": {"not": {"openedBy": {"in": ["nobody"]}}},
}
LISTS = {
    "incidents": "query Q($filter: IncidentFilter) { incidents(filter: $filter) { totalCount } }",
    "incidentEvents": "query Q($filter: IncidentEventFilter) { incidentEvents(filter: $filter) { totalCount } }",
    "incidentChanges": "query Q($filter: IncidentEventFilter) { incidentChanges(filter: $filter) { totalCount } }",
}


@on_both_databases
async def test_callers_below_responder_cannot_filter_by_opener(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain)
    for name, filter in FILTERS.items():
        for document in LISTS.values():
            for caller in (api.anonymous, api.viewer):
                error = await caller.error(document, filter=filter)
                assert (name, error["code"], error["field"]) == (name, "FORBIDDEN", ["filter", "openedBy"])
        if name == "nothing":
            assert (await api.responder.error(LISTS["incidents"], filter=filter))["code"] == "BAD_USER_INPUT"
        else:
            assert (name, await _count(api.responder, filter)) == (name, 1)
    assert incident.opened_by == ADMIN.actor


async def _count(caller: Caller, filter: Any) -> int:
    count: int = (await caller.read(LISTS["incidents"], filter=filter))["incidents"]["totalCount"]
    return count


@pytest.mark.parametrize("field", ["incidentEvents", "incidentChanges"])
async def test_callers_below_responder_cannot_subscribe_by_opener(domain: Domain, field: str) -> None:
    document = f"subscription S($filter: IncidentEventFilter) {{ {field}(filter: $filter) {{ cursor }} }}"
    filter = {"openedBy": {"in": ["tok_admin"]}}
    async with watching(domain, document, filter=filter) as watcher:
        error = await watcher.error()
    assert (error["code"], error["field"]) == ("FORBIDDEN", ["filter", "openedBy"])
    async with serving(domain) as running, running.socket(Role.VIEWER) as raw:
        await raw.subscribe(document, filter=filter)
        frame = await raw.next()
    assert (frame["type"], frame["payload"][0]["extensions"]["code"]) == ("error", "FORBIDDEN")
