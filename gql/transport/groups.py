"""Shared subscriptions: one source, one execution and one encoding per group and event for any number of members."""

import asyncio
import contextvars
import logging
from collections import deque
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import aclosing, contextmanager
from datetime import datetime
from typing import Any

import orjson
from graphql import GraphQLSchema
from strawberry import Schema
from strawberry.types.execution import ExecutionResult, PreExecutionError

from domain.bootstrap import Domain
from domain.counting import counted_from_zero
from domain.errors import CursorExpiredError, UnavailableError
from domain.ids import new_id
from domain.model.change import Change
from domain.model.naming import is_new_system
from domain.model.selection import Wanted
from domain.services.events import AnyWatch
from domain.tracing import SpanKind, span_of
from gql.compiled.events import CompiledEvent
from gql.context import GroupContext
from gql.errors import report
from gql.requests.refusals import internal
from gql.transport.claims import Claims
from gql.transport.group_functions import GroupFunctions
from gql.transport.listeners import Listeners
from gql.transport.members import Member, Members, SharedResult, Stream, encoded
from gql.transport.outages import EXPIRED_ERROR, OUTAGE_ERRORS, reports_outage
from gql.transport.outcomes import source_failed
from gql.transport.sharing import GroupKey

logger = logging.getLogger(__name__)

#: How far a group may be behind its feed: some 20 MB, and minutes of delivery to thousands of members.
_MOST_QUEUED = 10_000
_PAUSE_SECONDS = 1.0
#: How many groups execute at a time: without a bound, all that have a change would execute in one iteration of the
#: event loop, for a few milliseconds each.
_AT_ONCE = 4
#: How many events of a group, or of a subscriber that catches up, are executed before they are compiled.
WARM = 2


class Group:
    """The members that share one execution, and the execution's event source: the feed puts changes into its queue."""

    shows_present = False

    def __init__(self, key: GroupKey, groups: "Groups") -> None:
        self.key = key
        self.members = Members()
        self.watch: AnyWatch | None = None
        self.started = asyncio.Event()
        self.errors: list[Any] | None = None
        self.closed = False
        self._groups = groups
        self._queue: deque[Change] = deque()
        self._filled = asyncio.Event()
        self._current = 0
        self._trace: str | None = None
        self._delivered = 0
        self._busy = False
        self.task: asyncio.Task[None] | None = None
        self._joining = 0
        #: The events that were executed, until they are compiled.
        self._executed = 0
        self._compiled: tuple[CompiledEvent, Wanted] | None = None

    @property
    def position(self) -> int:
        """The position up to which all was delivered: a member that joins now must have it already."""
        idle = not self._busy and not self._queue
        return max(self._delivered, self._groups.position) if idle else self._delivered

    def reached(self, member: Member) -> int:
        """Return the position up to which all that this member wants was delivered to it."""
        idle = not self._busy and not self._queue
        return max(member.last, self._groups.position) if idle else member.last

    def progress(self, position: int) -> SharedResult:
        """Return the result without data that says how far a member is."""
        return SharedResult(seq=position, cursor=self._groups.cursor_of(position), payload=b"", at=self._groups.now())

    def join(self, member: Member) -> bool:
        """Deliver to this member from its position on; return False while it is behind and has to catch up first."""
        if member.last < self.position:
            return False
        self.members.add(member)
        return True

    def leave(self, member: Member) -> None:
        """Deliver nothing more to this member; end the group when it was the last."""
        self.members.remove(member)
        self._end_if_unwanted()

    async def ready(self) -> bool:
        """Wait until the group takes members; return False when it ended before it began."""
        self._joining += 1
        try:
            await self.started.wait()
        finally:
            self._joining -= 1
            # A caller that waited may have been cancelled; one that joins does so before the loop goes on.
            asyncio.get_running_loop().call_soon(self._end_if_unwanted)
        return not self.closed

    def _end_if_unwanted(self) -> None:
        if not self.members and not self._joining:
            self._groups.close(self)

    def put(self, change: Change) -> None:
        """Queue a change for the execution; end the group where too many are queued already."""
        if len(self._queue) >= _MOST_QUEUED:
            request_id = new_id("req")
            logger.error("request %s ends: a shared subscription is %s changes behind", request_id, len(self._queue))
            self._groups.end(self, [internal(request_id)])
            return
        self._queue.append(change)
        self._filled.set()

    async def start(self, after: str | None) -> int:  # noqa: ARG002 - members have caught up by themselves
        """Return the position of the feed."""
        return self._groups.position

    async def follow(self, watch: AnyWatch, position: int) -> AsyncGenerator[Change, None]:
        """Yield the changes behind the feed's position that the watch wants."""
        self.watch = watch
        self._delivered = max(position, self._groups.position)
        self._groups.listen(self)
        self.started.set()
        while True:
            self._busy = False
            while not self._queue:
                self._filled.clear()
                await self._filled.wait()
            # Held until the next one is requested, when this one was executed and delivered.
            async with self._groups.execution_slots:
                change = self._queue.popleft()
                self._busy = True
                self._current, self._trace = change.seq, change.cause.traceparent
                if not await self._deliver_compiled(change):
                    yield change

    async def _deliver_compiled(self, change: Change) -> bool:
        """Deliver a change without the executor; return False where that cannot be done."""
        if self._executed < WARM:
            # Most groups live for few events, and a function takes as long to make as some of them to execute.
            self._executed += 1
            return False
        if self._executed == WARM:
            self._executed += 1
            self._compiled = self._groups.functions.of_events(self.key)
        if self._compiled is None:
            return False
        event, wanted = self._compiled
        try:
            data = await event.data(change, wanted)
        except Exception:
            # Such as a value that no enum has: the executor says so as it always did.
            logger.exception("a compiled event failed")
            return False
        if data is None:
            return False
        cursor = self._groups.cursor_of(change.seq)
        payload = orjson.dumps({"data": data, "extensions": {"cursor": cursor}})
        await self._deliver(SharedResult(seq=change.seq, cursor=cursor, payload=payload, at=self._groups.now()))
        return True

    async def run(self, schema: Schema, context: GroupContext) -> None:
        """Execute the subscription and deliver every result, until it ends."""
        try:
            results = await schema.stream(
                self.key.query,
                variable_values=dict(self.key.given),
                context_value=context,
                operation_name=self.key.operation_name,
            )
            async with aclosing(results):
                async for result in results:
                    if not isinstance(result, ExecutionResult | PreExecutionError):
                        continue
                    if source_failed(result) or (result.data is None and result.errors and not self._busy):
                        self.fail([error.formatted for error in result.errors or ()])
                        return
                    if reports_outage(result.errors):
                        # Delivered, it would count as seen; instead, every client resumes before it.
                        self.fail(OUTAGE_ERRORS)
                        return
                    await self._deliver(encoded(result, self._current, context.cursor, at=context.domain.clock.now()))
        except UnavailableError:
            self.fail(OUTAGE_ERRORS)
        except Exception as error:  # noqa: BLE001 - report() logs it
            self.fail([report(error, context.request_id)])
        finally:
            self._end()

    def fail(self, errors: list[Any]) -> None:
        """Note the errors that end the group; every member gets them."""
        self.errors = errors

    async def _deliver(self, result: SharedResult) -> None:
        # Counts as delivered from here on: a member that joins meanwhile gets it by catching up, not from the group.
        self._delivered = result.seq
        tracer = self._groups.domain.measures.tracer
        if tracer is None:
            await self.members.deliver(result)
            return
        told = {"incidentql_seq": result.seq, "incidentql_members": len(self.members)}
        with span_of(tracer, "push", kind=SpanKind.PRODUCER, parent=self._trace, **told):
            await self.members.deliver(result)

    def _end(self) -> None:
        self.closed = True
        self.started.set()
        self._groups.forget(self)
        for member in self.members:
            member.finish(self.errors)
        self.members.clear()


class Groups:
    """All groups of a process, and the one feed from the log for all of them."""

    def __init__(self, schema: Schema, domain: Domain) -> None:
        self.schema = schema
        #: The services behind all of them.
        self.domain = domain
        #: The sockets and subscriptions of each caller, with their limits.
        self.claims = Claims(domain.settings)
        #: The right to execute, in the order of the requests for it.
        self.execution_slots = asyncio.Semaphore(_AT_ONCE)
        #: The functions that show events and lists without the executor.
        self.functions = GroupFunctions(self.core, domain.reads)
        self._groups: dict[GroupKey, Group] = {}
        self._listeners: Listeners[Group] = Listeners()
        self._task: asyncio.Task[None] | None = None
        self._position = 0
        self._joining = 0
        #: How many subscriptions the server has ended, by reason; their clients resume.
        self.dropped = counted_from_zero(("slow_consumer", "unavailable", "credential"))
        #: The streams that say how far they are, as sockets do with each ping.
        self.streams: set[Stream] = set()

    @property
    def core(self) -> GraphQLSchema:
        """The schema as graphql-core has it."""
        return self.schema._schema  # noqa: SLF001 - the library has no public name for it

    def __len__(self) -> int:
        return len(self._groups)

    @property
    def position(self) -> int:
        """The position of the feed: every change up to here was given to the groups that want it."""
        if self._task is None:
            self._position = self.domain.events.last_read
            # Not as a part of the request that came first: it serves all of them.
            self._task = asyncio.create_task(self._feed(), context=contextvars.Context())
        return self._position

    def cursor_of(self, position: int) -> str:
        """Return the cursor of a position of the log."""
        return self.domain.events.cursor_of(position)

    def now(self) -> datetime:
        """Return the present moment."""
        return self.domain.clock.now()

    def lag(self) -> int:
        """Return how many positions of the log the last group is behind what this process has read."""
        if self._task is None:
            return 0
        last = self.domain.events.last_read
        return max([0, *(last - group.position for group in self._groups.values())])

    def of(self, key: GroupKey, make: Callable[[GroupKey, "Groups"], Group] = Group) -> Group:
        """Return the group of that key; make it where there is none."""
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = make(key, self)
            context = GroupContext(
                domain=self.domain, request_id=new_id("req"), shared_audience=key.audience, source=group
            )
            group.task = asyncio.create_task(group.run(self.schema, context), context=contextvars.Context())
        return group

    def listen(self, group: Group) -> None:
        """Feed a group with the changes that its watch wants; UnavailableError where a key it names is outdated."""
        if group.watch is not None:
            self.domain.events.check_found(group.watch.named)
            self._listeners.add(group, group.watch)

    def close(self, group: Group) -> None:
        """End a group."""
        self.forget(group)
        if group.task is not None and not group.closed:
            group.closed = True
            # It waits for changes or for a read, which is shielded: nothing is cut in half.
            group.task.cancel()

    def end(self, group: Group, errors: list[Any]) -> None:
        """End a group; its members get these errors."""
        group.fail(errors)
        self.close(group)

    def forget(self, group: Group) -> None:
        """Stop feeding a group."""
        if self._groups.get(group.key) is group:
            del self._groups[group.key]
        self._listeners.remove(group, group.watch)
        self._rest()

    def report(self) -> None:
        """Tell the clients of all streams how far they are."""
        for stream in list(self.streams):
            stream.report()

    @contextmanager
    def joining(self) -> Iterator[None]:
        """Keep the feed running while a subscriber catches up to its position."""
        self._joining += 1
        try:
            yield
        finally:
            self._joining -= 1
            self._rest()

    def _rest(self) -> None:
        """End the feed when no group needs it; the next one begins at the log's head again."""
        if not self._groups and not self._joining and self._task is not None:
            self._task.cancel()
            self._task = None

    async def stop(self) -> None:
        """End all groups and the feed."""
        for group in list(self._groups.values()):
            self.close(group)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})

    async def _feed(self) -> None:
        while True:
            try:
                await self._feed_on()
            except UnavailableError:
                # Nothing was missed yet: the retry goes on from the same position.
                await asyncio.sleep(_PAUSE_SECONDS)
            else:
                return

    async def _feed_on(self) -> None:
        try:
            async with aclosing(self.domain.events.follow_raw(self._position)) as changes:
                async for change in changes:
                    # A copy, because a group that ends removes itself; the largest first, not behind groups of one.
                    for group in sorted(self._listeners.interested(change), key=lambda group: -len(group.members)):
                        group.put(change)
                    if is_new_system(change):
                        # Who comes back to them finds that system under the key that they name.
                        for group in [each for each in self._groups.values() if _is_outdated(each, change)]:
                            self.end(group, OUTAGE_ERRORS)
                    self._position = change.seq
        except UnavailableError:
            raise
        except Exception as error:  # noqa: BLE001 - report() logs it
            expired = isinstance(error, CursorExpiredError)  # a promoted standby lacks what was read
            errors = [EXPIRED_ERROR if expired else report(error, new_id("req"))]
            # The next access to `position` starts the feed again, at the log's head.
            self._task = None
            for group in list(self._groups.values()):
                self.end(group, errors)


def _is_outdated(group: Group, change: Change) -> bool:
    return group.watch is not None and group.watch.named.is_outdated_by(change)
