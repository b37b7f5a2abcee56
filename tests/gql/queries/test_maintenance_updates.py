"""Messages about maintenance windows."""

from domain.bootstrap import Domain
from domain.services.maintenance.commands import AddMaintenanceUpdate
from tests.client import Api
from tests.factories import ADMIN, make_maintenance, make_system
from tests.gql.dialects import on_both_databases

QUERY = "query Q { maintenances(first: 1) { nodes { updates { message } } } }"


@on_both_databases
async def test_messages_come_newest_first_however_often_they_are_asked_for(api: Api, domain: Domain) -> None:
    await make_system(domain)
    window = await make_maintenance(domain)
    for message in ("one", "two", "three"):
        await domain.maintenance.add_update(ADMIN, AddMaintenanceUpdate(id=window.id, message=message))

    answers = [(await api.admin.read(QUERY))["maintenances"]["nodes"][0]["updates"] for _ in range(3)]

    # The first answer is made by the executor, the others by a function.
    assert answers == [[{"message": message} for message in ("three", "two", "one")]] * 3
