"""Every mutation by a limited token, on incidents without systems."""

from dataclasses import replace
from itertools import product
from typing import Any

from domain.bootstrap import Domain
from domain.model.viewer import Role
from tests.client import Api, Json, Stored
from tests.factories import ADMIN, make_system, make_token
from tests.gql.mutations.table import MUTATIONS, NOWHERE, make_world

#: They name the systems themselves, which are gone.
OF_SYSTEMS = {"createIncident", "reportSystemHealth", "scheduleMaintenance"}


async def test_a_limited_token_cannot_write_an_incident_without_systems(
    api: Api, domain: Domain, stored: Stored
) -> None:
    world = await make_world(domain)
    await make_system(domain, "mine")
    secrets = [(await make_token(domain, role=role, systems=["mine"]))[1] for role in (Role.RESPONDER, Role.ADMIN)]
    for system in (world.system, world.spare, world.depot):
        await domain.systems.delete(ADMIN, system.id)
    taken_over = {"id": world.incident.id, "systemIds": ["mine"]}
    calls = [(name, effect.input(world)) for name, row in MUTATIONS.items() for effect in row.effects.values()]
    before = await stored()
    for secret, (name, input) in product(secrets, [*calls, ("updateIncident", taken_over)]):
        limited = replace(api.admin, token=secret)
        refusals = _refusals(await limited.try_to(name, input, MUTATIONS[name].selection))
        code = "UNKNOWN_SYSTEM" if name in OF_SYSTEMS else "FORBIDDEN"
        assert {(name, refusal["code"]) for refusal in refusals} == {(name, code)}
        if code == "FORBIDDEN" and MUTATIONS[name].needs is Role.RESPONDER and "ids" not in input:
            assert [refusal["field"] for refusal in refusals] == [["incidentId" if "incidentId" in input else "id"]]
    assert await stored() == before


def _refusals(answer: Json) -> list[dict[str, Any]]:
    if "errors" in answer:
        return [error["extensions"] for error in answer["errors"]]
    [payload] = answer["data"].values()
    named = [result for result in payload.get("results", ()) if result["incidentId"] != NOWHERE]
    assert not any(result["ok"] for result in named)
    return [*payload["userErrors"], *named]
