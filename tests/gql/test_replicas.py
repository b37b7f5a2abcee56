"""Queries that a standby of PostgreSQL answers: what is stale, what waits, and what goes to the primary."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from itertools import count
from typing import Any

import asyncpg
import httpx
import pytest
import pytest_asyncio

from domain.bootstrap import Domain, running_domain
from domain.model.freshness import ANY
from domain.model.viewer import Role
from domain.operating.examining.replicas import examine_replicas
from domain.operating.examining.results import Verdict
from domain.persistence import drivers
from domain.persistence import replica as one_replica
from domain.persistence.drivers import PostgresDriver
from domain.persistence.promotions import TIMELINE
from domain.persistence.replica import Replica
from domain.persistence.replicas import Replicas
from domain.persistence.snapshots import ReplicaError, Snapshot
from domain.persistence.unit_of_work import ReadSession
from domain.settings import Settings
from tests.conftest import SECRET_KEY
from tests.e2e.clusters import Cluster, running_pair
from tests.factories import ADMIN, make_incident, make_token
from tests.gql.transport.sockets import TOKENS, Running, serving, until
from tests.inside import inside

pytestmark = [pytest.mark.postgres, pytest.mark.asyncio(loop_scope="module")]

_numbers = count()
_TITLE = "query Title($id: ID!) { incident(id: $id) { title updates { nodes { message } } } cursor }"
_RENAME = "mutation ($input: UpdateIncidentInput!) { updateIncident(input: $input) { cursor userErrors { code } } }"
_BEFORE, _AFTER = "Checkout fails", "Checkout is slow"


class Pair:
    """A primary and its standby, whose replay a test pauses."""

    def __init__(self, primary: Cluster, standby: Cluster) -> None:
        self.primary = primary
        self.standby = standby

    def settings(self, **others: Any) -> Settings:
        """Return the settings of a server that reads from the standby."""
        given = {"read_url": self.standby.url, "read_wait_seconds": 0.05, **others}
        return Settings(
            database_url=self.primary.url,
            automations=False,
            webhooks=False,
            rate_limit=0,
            secret_key=SECRET_KEY,
            **given,
        )

    async def replayed(self) -> None:
        """Return once the standby has all that the primary has."""
        async with _connected(self.primary) as primary, _connected(self.standby) as standby:
            place = await primary.fetchval("SELECT pg_current_wal_lsn()::text")
            async with asyncio.timeout(60):
                reached = "SELECT pg_last_wal_replay_lsn() >= $1::text::pg_lsn"
                while not await standby.fetchval(reached, place):  # noqa: ASYNC110 - it sends no notice
                    await asyncio.sleep(0.01)

    @asynccontextmanager
    async def paused(self) -> AsyncIterator[Callable[[], Any]]:
        """Have the standby replay nothing in the block, or until the function that is yielded is awaited."""

        async def resume() -> None:
            await _run(self.standby, "SELECT pg_wal_replay_resume()")

        await _run(self.standby, "SELECT pg_wal_replay_pause()")
        async with _connected(self.standby) as standby, asyncio.timeout(60):
            while await standby.fetchval("SELECT pg_get_wal_replay_pause_state()") != "paused":  # noqa: ASYNC110 - nor here
                await asyncio.sleep(0.01)
        try:
            yield resume
        finally:
            await resume()


@asynccontextmanager
async def _connected(cluster: Cluster) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(cluster.url)
    try:
        yield connection
    finally:
        await connection.close()


async def _run(cluster: Cluster, statement: str) -> None:
    async with _connected(cluster) as connection:
        await connection.execute(statement)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def pair() -> AsyncIterator[Pair]:
    async with running_pair() as (primary, standby):
        both = Pair(primary, standby)
        # What holds up replay is cancelled at once.
        standby.set("max_standby_streaming_delay = 0")
        await standby.reload()
        async with running_domain(Settings(database_url=primary.url, automations=False), live=False):
            pass
        await both.replayed()
        yield both


@pytest.fixture(autouse=True)
def _used_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(one_replica, "_QUIET_SECONDS", 0.0)


@pytest_asyncio.fixture(loop_scope="module")
async def domain(pair: Pair) -> AsyncIterator[Domain]:
    async with running_domain(pair.settings()) as running:
        yield running
    await _run(pair.primary, "DELETE FROM api_tokens")


@pytest_asyncio.fixture(loop_scope="module")
async def served(domain: Domain) -> AsyncIterator[Running]:
    async with serving(domain) as running:
        yield running


def _replicas(domain: Domain) -> Replicas:
    replicas = inside(domain).database.replicas
    assert replicas is not None
    return replicas


def _only(domain: Domain) -> Replica:
    [replica] = _replicas(domain).all
    return replica


async def _look(domain: Domain) -> None:
    await _replicas(domain).look(inside(domain).database.glance, (await _key(domain)))


async def _key(domain: Domain) -> str:
    return str(await inside(domain).database.read(lambda session: session.state.get("cursor_key")))


class Asker:
    """A caller of one path to an answer, with a document that nobody else asks."""

    def __init__(self, running: Running, path: str) -> None:
        self._running = running
        self._path = path
        self.document = f"{_TITLE} # {next(_numbers)} of replicas"

    async def warm(self, incident: str) -> None:
        """Have the document compiled where it is to be."""
        for _ in range(3 if self._path == "compiled" else 0):
            await self.title(incident)

    async def title(self, incident: str, after: str | None = None) -> str:
        """Return the title of an incident, as of a cursor or later."""
        if self._path == "generic":
            self.document = f"{_TITLE} # {next(_numbers)} of replicas"
        answer = await (self._by_socket if self._path == "socket" else self._by_http)(incident, after)
        assert "errors" not in answer, answer
        return str(answer["data"]["incident"]["title"])

    async def _by_http(self, incident: str, after: str | None) -> Any:
        headers = {} if after is None else {"IncidentQL-After": after}
        return await post(self._running, self.document, headers=headers, id=incident)

    async def _by_socket(self, incident: str, after: str | None) -> Any:
        async with self._running.socket(Role.ADMIN) as socket:
            payload = {"query": self.document, "variables": {"id": incident}}
            payload |= {} if after is None else {"extensions": {"after": after}}
            await socket.send({"id": "1", "type": "subscribe", "payload": payload})
            return (await socket.next())["payload"]


async def post(running: Running, document: str, *, headers: Any = None, **variables: Any) -> Any:
    """Return the answer to an operation of an admin."""
    body = {"query": document, "variables": variables}
    authorization = {"authorization": f"Bearer {TOKENS[Role.ADMIN]}"}
    async with httpx.AsyncClient(verify=False, timeout=60) as http:
        return (await http.post(running.url, json=body, headers=authorization | (headers or {}))).json()


async def rename(running: Running, incident: str) -> str:
    """Change the title of an incident, and return the cursor of that."""
    payload = (await post(running, _RENAME, input={"id": incident, "title": _AFTER}))["data"]["updateIncident"]
    assert not payload["userErrors"]
    return str(payload["cursor"])


@pytest.mark.parametrize("path", ["generic", "compiled", "socket"])
async def test_an_answer_is_stale_unless_the_request_names_the_cursor_of_the_write(
    served: Running, pair: Pair, path: str
) -> None:
    incident, asker = (await make_incident(served.domain)).id, Asker(served, path)
    await pair.replayed()
    await asker.warm(incident)
    answers = _replicas(served.domain).answers

    async with pair.paused():
        cursor = await rename(served, incident)
        before = answers.copy()
        assert await asker.title(incident) == _BEFORE
        await until(lambda: answers - before == {"replica": 1})

        before = answers.copy()
        assert await asker.title(incident, cursor) == _AFTER
        assert "replica" not in answers - before
        assert (answers - before)["behind"] >= 1

    await pair.replayed()
    before = answers.copy()
    assert await asker.title(incident, cursor) == await asker.title(incident) == _AFTER
    await until(lambda: answers - before == {"replica": 2})


@pytest.mark.parametrize("path", ["generic", "compiled"])
async def test_a_query_waits_until_the_replica_has_what_it_names(pair: Pair, path: str) -> None:
    async with running_domain(pair.settings(read_wait_seconds=60.0)) as domain, serving(domain) as served:
        incident, asker = (await make_incident(domain)).id, Asker(served, path)
        await pair.replayed()
        await asker.warm(incident)
        async with pair.paused() as resume:
            cursor = await rename(served, incident)
            before = _replicas(domain).answers.copy()
            waiting = asyncio.create_task(asker.title(incident, cursor))
            await until(lambda: bool(_only(domain)._waiting))
            assert not waiting.done()
            await resume()
            assert await waiting == _AFTER
            await until(lambda: _replicas(domain).answers - before == {"replica": 1})
    await _run(pair.primary, "DELETE FROM api_tokens")


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ("incidentChanges(after: $at) { nodes { __typename } }", {"nodes": []}),
        ("incidentEvents(after: $at) { nodes { __typename } }", {"nodes": []}),
        ("incident(id: $id, atCursor: $at) { title }", {"title": _AFTER}),
    ],
    ids=["changes", "events", "past"],
)
async def test_a_cursor_that_a_replica_has_yet_to_reach_is_not_expired(
    served: Running, pair: Pair, fields: str, expected: Any
) -> None:
    incident, number = (await make_incident(served.domain)).id, next(_numbers)
    document = f"query Q{number}($id: ID!, $at: String!) {{ incident(id: $id) {{ id }} found: {fields} }}"
    await pair.replayed()
    async with pair.paused():
        cursor = await rename(served, incident)
        # It is compiled when it comes again.
        for _ in range(3):
            answer = await post(served, document, id=incident, at=cursor)
            assert "errors" not in answer, answer
            assert answer["data"]["found"] == expected


async def test_a_list_and_its_cursor_are_of_the_same_stale_moment(served: Running, pair: Pair) -> None:
    incident = (await make_incident(served.domain)).id
    await pair.replayed()
    async with pair.paused():
        await rename(served, incident)
        stale = (await post(served, _TITLE, id=incident))["data"]
        assert stale["incident"]["title"] == _BEFORE
        watched = "subscription ($after: String) { incidentChanges(after: $after) { incident { title } } }"
        async with served.stream(Role.ADMIN, query=watched, after=stale["cursor"]) as stream:
            [missed] = await stream.data()
            assert missed["incident"]["title"] == _AFTER


async def test_a_revoked_token_does_not_live_on_while_the_replica_lags(served: Running, pair: Pair) -> None:
    token, secret = await make_token(served.domain, role=Role.VIEWER)
    await pair.replayed()
    async with pair.paused():
        await served.domain.tokens.revoke(ADMIN, token.id)
        headers = {"authorization": f"Bearer {secret}"}
        answer = await post(served, "{ incidents { totalCount } }", headers=headers)
        assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_a_read_that_replay_cancels_is_done_again_on_the_primary(
    served: Running, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident = (await make_incident(served.domain)).id
    await pair.replayed()
    _conflict_after_the_first_read(monkeypatch, pair)

    before = _replicas(served.domain).answers.copy()
    assert await Asker(served, "generic").title(incident) == _BEFORE
    # The standby ends an idle connection, so that nothing says why.
    assert _replicas(served.domain).answers - before == {"failed": 1}
    assert _only(served.domain).is_used


async def test_a_statement_that_replay_cancels_is_sent_to_the_primary(
    served: Running, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident, asker = (await make_incident(served.domain)).id, Asker(served, "compiled")
    await pair.replayed()
    await asker.warm(incident)
    fetch = PostgresDriver.fetch

    async def slow(self: PostgresDriver, text: str, *arguments: Any, **options: Any) -> Any:
        if self is _only(served.domain).driver:
            conflict = asyncio.create_task(_conflict(pair))
            try:
                return await fetch(self, f"SELECT pg_sleep(60), whole.* FROM ({text}) whole", *arguments, **options)
            finally:
                await conflict
        return await fetch(self, text, *arguments, **options)

    monkeypatch.setattr(PostgresDriver, "fetch", slow)
    monkeypatch.setattr(drivers, "_LONGEST_SECONDS", 60.0)
    before = _replicas(served.domain).answers.copy()
    assert await asker.title(incident) == _BEFORE
    assert _replicas(served.domain).answers - before == {"conflict": 1}
    assert _only(served.domain).is_used


async def test_a_statement_that_takes_long_does_not_make_its_replica_one_that_is_away(
    served: Running, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    incident, asker = (await make_incident(served.domain)).id, Asker(served, "compiled")
    await pair.replayed()
    await asker.warm(incident)
    first = PostgresDriver._first

    async def slow(self: PostgresDriver, connection: asyncpg.Connection, text: str, parameters: Any) -> Any:
        if self is _only(served.domain).driver:
            await connection.fetchrow("SELECT pg_sleep(60)", timeout=0.01)
        return await first(self, connection, text, parameters)

    monkeypatch.setattr(PostgresDriver, "_first", slow)
    before = _replicas(served.domain).answers.copy()
    assert await asker.title(incident) == _BEFORE
    assert _replicas(served.domain).answers - before == {"failed": 1}
    assert _only(served.domain).outage.count == 0


async def test_nobody_is_looked_for_who_no_longer_waits_for_a_position(domain: Domain) -> None:
    replica = _only(domain)
    waiting = asyncio.create_task(replica.reach(1 << 60, seconds=60))
    await until(lambda: replica._polling is not None)
    waiting.cancel()
    await asyncio.wait({waiting})
    await until(lambda: replica._polling is None)
    assert replica._waiting == []


async def test_reads_of_two_moments_are_never_mixed(
    domain: Domain, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = inside(domain).database
    _conflict_after_the_first_read(monkeypatch, pair)
    with database.snapshot(ANY) as snapshot:
        await database.read(lambda session: session.changes.head())
        for _ in range(2):
            with pytest.raises(ReplicaError):
                await database.read(lambda session: session.changes.head())
        assert snapshot.must_repeat
    assert not database.outage.is_on


def _conflict_after_the_first_read(monkeypatch: pytest.MonkeyPatch, pair: Pair) -> None:
    """Have the standby cancel the transaction of a replica's snapshot once that has read something."""
    carry_out = Snapshot._carry_out

    async def conflicting(self: Snapshot, session: ReadSession, *arguments: Any) -> None:
        is_first = self.is_on_replica and not self.has_read
        await carry_out(self, session, *arguments)
        if is_first:
            await _conflict(pair)

    monkeypatch.setattr(Snapshot, "_carry_out", conflicting)


async def _conflict(pair: Pair) -> None:
    # The lock is replayed, and whoever reads there has to give way.
    await _run(pair.primary, "BEGIN; LOCK TABLE incidents, changes IN ACCESS EXCLUSIVE MODE; COMMIT")
    await pair.replayed()


async def test_a_replica_that_is_too_far_behind_is_left_alone_until_it_has_caught_up(pair: Pair) -> None:
    now = [0.0]
    async with running_domain(pair.settings(read_lag_seconds=5.0)) as domain, serving(domain) as served:
        replicas, asker = _replicas(domain), Asker(served, "generic")
        replicas._now = lambda: now[0]
        incident = (await make_incident(domain)).id
        await pair.replayed()
        async with pair.paused():
            await rename(served, incident)
            await _look(domain)
            now[0] = 4.0
            await _look(domain)
            assert _only(domain).lag_seconds == 4.0
            assert await asker.title(incident) == _BEFORE
            now[0] = 6.0
            await _look(domain)
            assert not _only(domain).is_used
            assert await asker.title(incident) == _AFTER
        await pair.replayed()
        await _look(domain)
        assert _only(domain).is_used
        assert _only(domain).lag_seconds == 0.0
    await _run(pair.primary, "DELETE FROM api_tokens")


async def test_a_replica_that_is_away_is_told_once_and_the_primary_answers(
    served: Running, pair: Pair, caplog: pytest.LogCaptureFixture
) -> None:
    incident, domain = (await make_incident(served.domain)).id, served.domain
    askers = [Asker(served, "generic"), Asker(served, "compiled")]
    await pair.replayed()
    for asker in askers:
        await asker.warm(incident)
    await pair.standby.stop("immediate")
    try:
        for asker in askers * 2:
            assert await asker.title(incident) == _BEFORE
        await _look(domain)
        assert not _only(domain).is_used
        assert not inside(domain).database.outage.is_on
        name = _only(domain).name
        told = [record.getMessage() for record in caplog.records if "is not available" in record.getMessage()]
        assert [line.startswith(f"the replica {name} is not available: ") for line in told] == [True]
        assert (await domain.readiness.reasons(), domain.readiness.remarks()) == (
            [],
            ["Of 1 replicas, 1 answer no queries; the log says more."],
        )
    finally:
        await pair.standby.start()
    await _look(domain)
    assert _only(domain).is_used
    assert domain.readiness.remarks() == []


@pytest.mark.parametrize("path", ["generic", "compiled"])
async def test_what_is_asked_of_a_replica_that_hangs_is_done_again_on_the_primary(
    served: Running, pair: Pair, path: str
) -> None:
    incident, asker = (await make_incident(served.domain)).id, Asker(served, path)
    await pair.replayed()
    await asker.warm(incident)
    with pair.standby.frozen():
        assert await asker.title(incident) == _BEFORE


async def test_only_a_standby_of_the_same_database_is_asked(pair: Pair) -> None:
    await _run(pair.primary, "CREATE DATABASE another")
    try:
        other = Settings(database_url=pair.primary.url_of("another"), automations=False)
        async with running_domain(other, live=False):
            pass
        await pair.replayed()
        for url, reason in (
            (pair.primary.url, "it is no standby"),
            (pair.standby.url_of("another"), "it is one of another database"),
            (pair.standby.url_of("template1"), 'relation "changes" does not exist'),
        ):
            async with running_domain(pair.settings(read_url=url)) as domain:
                assert _only(domain).outage.reason == reason
                assert not _only(domain).is_used
    finally:
        await _run(pair.primary, "DROP DATABASE another WITH (FORCE)")


async def test_a_standby_of_a_primary_that_others_have_left_is_not_asked(domain: Domain, pair: Pair) -> None:
    assert _only(domain).is_used
    timeline = await inside(domain).database.read(lambda session: session.state.get(TIMELINE))
    async with pair.paused():
        await _run(pair.primary, f"UPDATE server_state SET value = '0000FFFF' WHERE name = '{TIMELINE}'")
        await _look(domain)
        assert _only(domain).outage.reason == "it has yet to follow the present primary"
    await _run(pair.primary, f"UPDATE server_state SET value = '{timeline}' WHERE name = '{TIMELINE}'")


async def test_queries_are_spread_over_all_replicas(pair: Pair) -> None:
    url = f"postgresql://postgres@127.0.0.1:{pair.standby.port},localhost:{pair.standby.port}/postgres"
    async with running_domain(pair.settings(read_url=url)) as domain:
        replicas = _replicas(domain)
        assert [replica.name.partition(":")[0] for replica in replicas.all] == ["127.0.0.1", "localhost"]
        assert len({replicas._next() for _ in range(2)}) == 2
        replicas.all[0].outage.failed("away")
        assert {replicas._next() for _ in range(3)} == {replicas.all[1]}


@pytest.mark.parametrize("path", ["generic", "compiled"])
async def test_what_is_not_in_the_log_is_never_stale(served: Running, pair: Pair, path: str) -> None:
    document = f"{{ tokens {{ nodes {{ name }} }} }} # {next(_numbers)} of replicas"
    for _ in range(3 if path == "compiled" else 0):
        await post(served, document)
    await pair.replayed()
    async with pair.paused():
        await make_token(served.domain, name="made now")
        nodes = (await post(served, document))["data"]["tokens"]["nodes"]
        assert "made now" in [node["name"] for node in nodes]


async def test_an_agent_sees_what_it_has_just_written(served: Running, pair: Pair) -> None:
    incident, asker = (await make_incident(served.domain)).id, Asker(served, "generic")
    await pair.replayed()
    async with pair.paused():
        await rename(served, incident)
        assert await asker.title(incident) == _BEFORE
        call = {"name": "read_incident", "arguments": {"id": incident}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": call}
        headers = {
            "authorization": f"Bearer {TOKENS[Role.ADMIN]}",
            "accept": "application/json, text/event-stream",
        }
        async with httpx.AsyncClient(verify=False, timeout=60) as http:
            answer = await http.post(served.url.replace("/graphql", "/mcp"), json=body, headers=headers)
        assert _AFTER in answer.text


async def test_replicas_are_counted_and_examined(served: Running, pair: Pair) -> None:
    domain = served.domain
    await pair.replayed()
    # What is replayed while it is looked at is no lag, however long that takes.
    now = _replicas(domain)._now()
    _replicas(domain)._now = lambda: now
    await Asker(served, "generic").title((await make_incident(domain)).id)
    await _look(domain)
    counts = domain.measures.replicas
    assert (counts.count, counts.used, counts.lag_seconds) == (1, 1, 0.0)
    [found] = await examine_replicas(domain.settings)
    assert (found.part, found.verdict) == (f"replica {_only(domain).name}", Verdict.OK)
    [found] = await examine_replicas(replace(domain.settings, read_url=pair.primary.url))
    assert (found.verdict, found.found) == (Verdict.WARNING, "it is no standby.")
