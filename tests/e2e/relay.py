"""A proxy between clients and a server that treats their connections as networks do: cuts, forgets, blocks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

_CHUNK_BYTES = 65_536
_UPGRADE = b"upgrade: websocket"
#: Requests whose answers last.
_LASTING = (_UPGRADE, b"accept: text/event-stream")


class Connection:
    """A client's connection and the one to the server."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer
        self.upstream: asyncio.StreamWriter | None = None
        self.is_lasting = False
        #: Nothing passes any more, and neither side learns of it.
        self.is_forgotten = False
        #: When something passed last: a new one is not idle yet.
        self.last = asyncio.get_running_loop().time()
        self._over = asyncio.Event()

    async def until_over(self) -> None:
        """Wait until it is cut."""
        await self._over.wait()

    @property
    def is_over(self) -> bool:
        """Return whether it was cut."""
        return self._over.is_set()

    def abort(self) -> None:
        """Cut both sides."""
        self._over.set()
        for writer in (self.writer, self.upstream):
            if writer is not None:
                writer.transport.abort()


class Relay:
    """The proxy: it counts the WebSockets and streams that are open at a time."""

    def __init__(self, target: str) -> None:
        parts = urlsplit(target)
        self._target = (parts.hostname or "", parts.port or 80)
        self._open: set[Connection] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = ""
        #: How many WebSockets and streams there were, and the most at one time.
        self.opened = 0
        self.most_open = 0
        #: Connections that are silent for so long are cut.
        self.idle_seconds: float | None = None
        self.cuts = 0
        #: WebSockets are refused, as some networks do.
        self.blocks_sockets = False

    def cut(self) -> None:
        """Cut all connections."""
        for connection in list(self._open):
            connection.abort()

    def forget(self) -> None:
        """Let nothing more pass on the present connections, without closing them."""
        for connection in self._open:
            connection.is_forgotten = True

    def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take a connection."""
        task = asyncio.create_task(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Cut all connections and wait for their end."""
        while self._tasks:
            self.cut()
            await asyncio.wait(self._tasks, timeout=1)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = Connection(reader, writer)
        self._open.add(connection)
        try:
            with suppress(OSError):
                await self._pass_on(connection)
        finally:
            self._open.discard(connection)
            connection.abort()

    async def watch(self) -> None:
        """Cut connections that are idle, for ever."""
        now = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(0.05)
            for connection in list(self._open):
                if self.idle_seconds is not None and now() - connection.last > self.idle_seconds:
                    self.cuts += connection.is_lasting
                    connection.abort()

    async def _pass_on(self, connection: Connection) -> None:
        answers, connection.upstream = await asyncio.open_connection(*self._target)
        if connection.is_over:
            # Cut meanwhile: what was sent already does not count as a connection.
            connection.abort()
            return
        ends = [
            asyncio.create_task(self._copy(connection, connection.reader, connection.upstream)),
            asyncio.create_task(self._copy(connection, answers, connection.writer)),
        ]
        await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for end in ends:
            end.cancel()
        await asyncio.wait(ends)

    async def _copy(self, connection: Connection, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        now = asyncio.get_running_loop().time
        connection.last = now()
        with suppress(OSError):
            while data := await source.read(_CHUNK_BYTES):
                connection.last = now()
                if not connection.is_lasting and source is connection.reader:
                    head = data.lower()
                    if self.blocks_sockets and _UPGRADE in head:
                        return
                    if any(word in head for word in _LASTING):
                        self._count(connection)
                if not connection.is_forgotten:
                    sink.write(data)
                    await sink.drain()
        if connection.is_forgotten:
            # The other side does not learn of the end, either.
            await connection.until_over()

    def _count(self, connection: Connection) -> None:
        connection.is_lasting = True
        self.opened += 1
        present = [each for each in self._open if each.is_lasting and not each.is_forgotten]
        self.most_open = max(self.most_open, len(present))


@asynccontextmanager
async def relaying(target: str) -> AsyncIterator[Relay]:
    """Start a proxy of a server's address."""
    relay = Relay(target)
    server = await asyncio.start_server(relay.accept, "127.0.0.1", 0)
    relay.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    watching = asyncio.create_task(relay.watch())
    try:
        yield relay
    finally:
        watching.cancel()
        server.close()
        await relay.close()
        await asyncio.wait({watching})
