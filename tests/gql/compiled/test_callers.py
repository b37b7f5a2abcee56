"""Compiled answers that show their caller, or that only some callers get."""

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.actor import Actor, ActorType
from domain.model.incident import Status
from domain.model.viewer import ANONYMOUS, Role, Viewer
from gql.compiled.running import CompiledOperations
from gql.context import Context
from gql.schema import schema
from tests.factories import ADMIN, make_automation, make_incident, set_status
from tests.gql.dialects import on_both_databases

RESPONDER = Viewer(
    actor=Actor(type=ActorType.USER, id="usr_1", name="rita@example.com"),
    role=Role.RESPONDER,
    expires_at=datetime(2030, 1, 1, tzinfo=UTC),
)
#: Sees what managers see, and may do what viewers may do.
READER = Viewer(actor=Actor(type=ActorType.SERVICE, id="svc_1", name="reader"), role=Role.VIEWER)
_numbers = count()


@pytest.fixture
def compiled(domain: Domain) -> CompiledOperations:
    """The compiled path of a domain, which has seen nothing yet."""
    return CompiledOperations(schema, schema.documents, domain)


def _fresh(text: str) -> str:
    return f"{text} # {next(_numbers)} of the tests of callers"


async def _generic(domain: Domain, text: str, viewer: Viewer, **variables: Any) -> Any:
    context = Context(domain=domain, request_id="req_1", viewer=viewer, address="192.0.2.1")
    return await schema.execute(text, variable_values=variables, context_value=context)


async def _ask(compiled: CompiledOperations, domain: Domain, text: str, viewer: Viewer, **variables: Any) -> Any:
    context = Context(domain=domain, request_id="req_1", viewer=viewer, address="192.0.2.1")
    result = await compiled.execute(text, variables, None, context)
    return None if result is None else result.data


async def _compile(compiled: CompiledOperations, domain: Domain, text: str, **variables: Any) -> None:
    await _generic(domain, text, ADMIN, **variables)
    await _ask(compiled, domain, text, ADMIN, **variables)


async def test_callers_of_one_audience_see_each_themselves(domain: Domain, compiled: CompiledOperations) -> None:
    document = _fresh("{ viewer { role expiresAt visibilities actor { type id name } } }")
    await _compile(compiled, domain, document)
    viewers = [ADMIN, RESPONDER, replace(RESPONDER, expires_at=None), READER]

    shown = [await _ask(compiled, domain, document, viewer) for viewer in viewers]

    assert shown == [(await _generic(domain, document, viewer)).data for viewer in viewers]
    assert [each["viewer"]["actor"]["name"] for each in shown][:2] == ["admin", "rita@example.com"]
    assert compiled.cache.hits == len(viewers)


async def test_everybody_sees_who_they_are_themselves(domain: Domain, compiled: CompiledOperations) -> None:
    document = _fresh("{ viewer { actor { id name } } }")
    await _generic(domain, document, ANONYMOUS)

    shown = [await _ask(compiled, domain, document, ANONYMOUS) for _ in range(2)]

    assert shown[1] == {"viewer": {"actor": {"id": "anonymous", "name": "Anonymous"}}}


@pytest.mark.parametrize(
    ("fields", "allowed"),
    [
        ("automations { nodes { name } }", [ADMIN, RESPONDER]),
        ("automationRuns { nodes { id } }", [ADMIN, RESPONDER]),
        ("tokens { nodes { name } }", [ADMIN]),
        ("secrets { nodes { name } }", [ADMIN]),
    ],
)
async def test_a_function_is_for_callers_with_its_permissions_alone(
    domain: Domain, compiled: CompiledOperations, fields: str, allowed: list[Viewer]
) -> None:
    document = _fresh(f"{{ {fields} }}")
    await _compile(compiled, domain, document)

    for viewer in (ADMIN, RESPONDER, READER):
        expected, shown = await _generic(domain, document, viewer), await _ask(compiled, domain, document, viewer)
        assert shown == (expected.data if viewer in allowed else None)
        assert bool(expected.errors) is (viewer not in allowed)

    assert compiled.cache.reasons["permissions"] == 3 - len(allowed)


@on_both_databases
async def test_automations_are_found_by_id_for_those_who_may_see_them(
    domain: Domain, compiled: CompiledOperations
) -> None:
    automation = await make_automation(domain)
    document = _fresh("query Node($id: ID!) { node(id: $id) { id ... on Automation { name } } }")
    viewer = Viewer(actor=Actor(type=ActorType.USER, id="usr_2", name=None), role=Role.VIEWER)
    await _generic(domain, document, ADMIN, id=automation.id)

    for caller, expected in ((ADMIN, {"id": automation.id, "name": "noter"}), (viewer, None)):
        shown = [await _ask(compiled, domain, document, caller, id=automation.id) for _ in range(3)]
        assert shown[-1] == {"node": expected}
    await domain.automations.service.delete(ADMIN, automation.id)
    assert await _ask(compiled, domain, document, ADMIN, id=automation.id) == {"node": None}


async def test_a_variable_says_of_which_field_the_time_is_shown(domain: Domain, compiled: CompiledOperations) -> None:
    incident = await set_status(domain, await make_incident(domain), Status.FIXING)
    document = _fresh(
        "query Since($id: ID!, $field: IncidentField! = SEVERITY) { incident(id: $id) { inStateSince(field: $field) } }"
    )
    await _compile(compiled, domain, document, id=incident.id)

    for given in ({}, {"field": "STATUS"}, {"field": "SEVERITY"}):
        expected = await _generic(domain, document, ADMIN, id=incident.id, **given)
        assert await _ask(compiled, domain, document, ADMIN, id=incident.id, **given) == expected.data
    functions = len(schema.documents.find(document, compiled._bounds).made.functions)  # type: ignore[union-attr]
    for junk in ("TITLE", None, 1, ["STATUS"]):
        assert await _ask(compiled, domain, document, ADMIN, id=incident.id, field=junk) is None
    assert len(schema.documents.find(document, compiled._bounds).made.functions) == functions  # type: ignore[union-attr]


async def test_several_objects_by_any_id_are_compiled(domain: Domain, compiled: CompiledOperations) -> None:
    # Each may be one of seven kinds, and is read as one of them.
    incident = await make_incident(domain)
    fields = " ".join(f"node{number}: node(id: $id) {{ id __typename }}" for number in range(6))
    document = _fresh(f"query Nodes($id: ID!) {{ {fields} }}")
    await _compile(compiled, domain, document, id=incident.id)

    shown = await _ask(compiled, domain, document, ADMIN, id=incident.id)

    assert shown == {f"node{number}": {"id": incident.id, "__typename": "Incident"} for number in range(6)}
