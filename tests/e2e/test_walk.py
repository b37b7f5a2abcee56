from tests.e2e.filling import fill
from tests.e2e.walk import walk


async def test_a_walk_in_the_order_of_creation_meets_every_incident_once_while_others_write(database_url: str) -> None:
    await fill(database_url, incidents=300)
    result = await walk(database_url)
    assert len(result.before) == 300
    assert result.violations == []
    assert result.written > 0
