"""The filter of maintenance windows by their systems."""

import pytest

from domain.bootstrap import Domain
from domain.model.viewer import Visibility
from domain.persistence.database import Database
from tests.client import Api
from tests.factories import ADMIN, make_maintenance, make_system
from tests.gql.dialects import on_both_databases

LIST = """
query Q($filter: MaintenanceFilter, $after: String) {
  maintenances(filter: $filter, first: 2, after: $after) {
    totalCount
    nodes { title systems { key } instances(filter: {statuses: [SCHEDULED]}) { totalCount } }
    pageInfo { hasNextPage endCursor }
  }
}
"""


@on_both_databases
@pytest.mark.parametrize("generic", [False, True], ids=["compiled", "generic"])
async def test_windows_are_found_by_the_ids_and_keys_of_their_systems(
    api: Api, domain: Domain, monkeypatch: pytest.MonkeyPatch, *, generic: bool
) -> None:
    if generic:
        monkeypatch.setattr(Database, "can_project", False)
    ids = {key: (await make_system(domain, key)).id for key in ("api", "payments", "search")}
    await make_maintenance(domain, "api", title="A")
    over = await make_maintenance(domain, "api", "payments", title="B")
    await make_maintenance(domain, "payments", title="C")
    await make_maintenance(domain, "search", title="D", visibility=Visibility.INTERNAL)
    await domain.maintenance.cancel(ADMIN, over.id)

    async def titles(**wanted: list[str]) -> str:
        found, cursor = "", None
        while True:
            page = (await api.anonymous.read(LIST, filter=wanted, after=cursor))["maintenances"]
            found += "".join(node["title"] for node in page["nodes"])
            if not page["pageInfo"]["hasNextPage"]:
                assert page["totalCount"] == len(found)
                return found
            cursor = page["pageInfo"]["endCursor"]

    assert await titles() == "CBA"
    assert await titles(systems=["api"]) == await titles(systems=[ids["api"]]) == "BA"
    # Once, though both of its systems are named, and one of them twice.
    assert await titles(systems=["payments", ids["api"], "api"]) == "CBA"
    assert await titles(systems=["api", "payments"], statuses=["SCHEDULED"]) == "CA"
    assert await titles(systems=["search", "gone", "sys_01kgc8k9e0f9f824pa3eywnyp2"]) == ""


@pytest.mark.parametrize("systems", [[], ["api"] * 101])
async def test_a_filter_names_one_to_a_hundred_systems(api: Api, systems: list[str]) -> None:
    error = await api.anonymous.error(LIST, filter={"systems": systems})
    assert (error["code"], error["field"]) == ("BAD_USER_INPUT", ["filter", "systems"])
