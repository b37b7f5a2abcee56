from tests.e2e.filling import fill
from tests.e2e.walk import walk


async def test_a_walk_by_creation_meets_every_incident_once_during_writes(database_url: str) -> None:
    await fill(database_url, incidents=210)
    result = await walk(database_url)
    assert len(result.before) == 210
    assert result.violations == []
    assert result.written > 0
