"""A server process with few files to open: whoever only holds connections takes none from those who use theirs."""

import resource
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx

from tests.e2e.server import api_of, running_server

FILES = 256


async def test_silent_connections_do_not_use_up_the_files(tmp_path: Path) -> None:
    async with running_server(f"sqlite:///{tmp_path / 'incidents.db'}", prepare=_few_files) as server:
        assert server.stderr.count("256 open files leave room for 128 connections, not 20000") == 1
        port = int(server.url.rpartition(":")[2])
        with _held(port, 300):
            async with api_of(server) as api:
                created = await api.run(
                    'mutation { createSystem(input: {key: "b", name: "B"}) { system { key } userErrors { code } } }'
                )
                assert created["createSystem"] == {"system": {"key": "b"}, "userErrors": []}
            async with httpx.AsyncClient() as http:
                statuses = [(await http.get(f"{server.url}/health")).status_code for _ in range(5)]
            assert statuses == [200] * 5


@contextmanager
def _held(port: int, count: int) -> Iterator[None]:
    with ExitStack() as stack:
        for _ in range(count):
            stack.enter_context(socket.create_connection(("127.0.0.1", port), timeout=10))
        yield


def _few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))
