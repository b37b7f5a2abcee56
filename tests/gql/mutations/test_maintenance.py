"""Maintenance by tokens that are limited to some systems: it silences what it covers."""

from domain.bootstrap import Domain
from tests.client import Api, Caller
from tests.factories import make_system

TIMES = {"startsAt": "2026-04-01T00:00:00Z", "endsAt": "2026-04-01T01:00:00Z"}


async def limited(api: Api, *systems: str) -> Caller:
    """Return a responder that is limited to these systems."""
    made = await api.admin.do("createToken", {"name": "ci", "role": "RESPONDER", "systemIds": [*systems]}, "secret")
    return Caller(http=api.admin.http, token=made["secret"])


async def test_a_limited_token_schedules_maintenance_of_its_own_systems_alone(api: Api, domain: Domain) -> None:
    for key in ("payments", "search"):
        await make_system(domain, key)
    caller = await limited(api, "search")
    own = {"title": "Upgrade", "systemIds": ["search"], **TIMES}
    made = (await caller.do("scheduleMaintenance", own, "maintenance { id }"))["maintenance"]
    for systems in (["payments"], ["search", "payments"]):
        refusal = await caller.refusal("scheduleMaintenance", own | {"systemIds": systems})
        assert (refusal["code"], refusal["field"]) == ("FORBIDDEN", ["systemIds"])
        refusal = await caller.refusal("updateMaintenance", {"id": made["id"], "systemIds": systems})
        assert (refusal["code"], refusal["field"]) == ("FORBIDDEN", ["systemIds"])


async def test_a_limited_token_changes_no_maintenance_of_other_systems(api: Api, domain: Domain) -> None:
    for key in ("payments", "search"):
        await make_system(domain, key)
    others = {"title": "Upgrade", "systemIds": ["payments"], **TIMES}
    made = (await api.admin.do("scheduleMaintenance", others, "maintenance { id }"))["maintenance"]
    caller = await limited(api, "search")
    for mutation, more in (
        ("updateMaintenance", {"title": "Mine"}),
        ("cancelMaintenance", {}),
        ("updateMaintenance", {"systemIds": ["search"]}),
    ):
        refusal = await caller.refusal(mutation, {"id": made["id"], **more})
        assert (refusal["code"], refusal["field"]) == ("FORBIDDEN", ["id"])
    refusal = await caller.refusal("addMaintenanceUpdate", {"id": made["id"], "message": "Mine"})
    assert refusal["code"] == "FORBIDDEN"
