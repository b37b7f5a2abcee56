from tests.e2e.live_lists import check


async def test_every_live_list_is_what_the_query_shows_whatever_happens_to_clients_and_server(
    database_url: str,
) -> None:
    result = await check(database_url, writes=60, seed=1, clients=8, points=6, kills=1)
    assert result.violations == []
    assert result.compared > 0
    assert result.at_cursors > result.at_cursors_of_systems > 0
    assert result.resumed > 0
