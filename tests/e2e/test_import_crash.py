from tests.domain.dialects import on_one_database
from tests.e2e.import_crash import crash


@on_one_database
async def test_an_import_that_was_killed_is_begun_again_and_ends_alike(
    own_database_url: str, database_url: str
) -> None:
    result = await crash(own_database_url, database_url, kills=1, seed=1, incidents=450)
    # A pipe holds less than the rest of a batch, so that the first one is committed by then.
    assert 0 < result.left[0] < result.incidents
    assert result.is_equal
