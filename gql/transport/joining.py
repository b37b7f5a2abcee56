"""Joining of one subscriber to its group without a gap or a duplicate: it catches up alone first."""

from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from graphql import GraphQLError

from domain.errors import ForbiddenError, InvalidCursorError, UnauthenticatedError
from gql.context import Context
from gql.limits.checks import charged
from gql.sources import CatchUp, Continued
from gql.transport.claims import Claim, Claims
from gql.transport.groups import WARM, Group, Groups
from gql.transport.list_groups import ListGroup
from gql.transport.members import Member
from gql.transport.refusing import refusal_of
from gql.transport.replaying import replayed
from gql.transport.sharing import GroupKey, SharedOperation, shared_operation

#: The cost of joining for a subscriber that missed nothing, so that nothing is executed for it alone.
_JOINING_POINTS = 5


def joining_of(
    groups: Groups, context: Context, query: str, operation_name: str | None, variables: dict[str, Any] | None
) -> "Joining | None":
    """Return the joining of a subscriber to its operation's group; None where that is wrong or cannot be shared."""
    shared = shared_operation(groups.core, query, operation_name)
    key = shared.key(query, variables, context.audience) if shared is not None else None
    if shared is not None and shared.is_list and not isinstance(shared.resumes_from(variables), str | None):
        # No text: its execution says so.
        return None
    return Joining(groups, context, shared, key=key, variables=variables) if shared and key is not None else None


def admit(claims: Claims, context: Context, joining: "Joining | None", *, alone: bool) -> None:
    """Refuse a stream while an HTTP status can still be sent; the limits are checked again when it begins.

    Raises:
        RefusalError: its caller has as many as they may.
    """
    try:
        claims.check_socket(context)
        if joining is not None:
            joining.check()
        elif alone:
            claims.check(context, object())
    except GraphQLError as error:
        raise refusal_of(error) from error


class Joining:
    """The steps of one subscriber into its group."""

    def __init__(
        self,
        groups: Groups,
        context: Context,
        shared: SharedOperation,
        *,
        key: GroupKey,
        variables: dict[str, Any] | None,
    ) -> None:
        self.groups = groups
        self._context = context
        self._shared = shared
        self._key = key
        self._variables = variables
        #: The subscriber's claim, as long as it holds one.
        self.claim: Claim | None = None
        #: The group, once the subscriber is in it.
        self.group: Group | None = None
        #: The errors of the shared execution, where it failed.
        self.errors: list[Any] | None = None
        #: The position from which a subscriber without a cursor gets everything, where it is known already.
        self._starts_at: int | None = None

    async def start_now(self) -> None:
        """Have the subscriber get all that is written from now on, unless it names a cursor.

        For streams, whose clients learn that they are accepted before the subscription begins.
        """
        if self._starts_now():
            # What fails is asked again where the subscription begins, and said there.
            with suppress(Exception):
                self._starts_at = await self._context.domain.events.head()

    def _starts_now(self) -> bool:
        return self._context.last_event_id is None and self._shared.starts_now(self._variables)

    def check(self) -> None:
        """Check the caller's limits before the subscription begins.

        Raises:
            GraphQLError: the caller has too many subscriptions.
        """
        self.groups.claims.check(self._context, self._key)

    def leave(self) -> None:
        """Release the subscriber's claim."""
        if self.claim is not None:
            self.claim.leave()

    async def results(self, member: Member) -> AsyncGenerator[Any, None]:
        """Yield the results that the subscriber missed. Then it is in `group`, `errors` are set, or there is no more.

        Raises:
            GraphQLError: the caller may not subscribe, or has too many subscriptions.
        """
        self.claim = self.groups.claims.enter(self._context, self._key)
        try:
            self._context.require(self._shared.needs)
        except (UnauthenticatedError, ForbiddenError) as error:
            raise GraphQLError(error.message, extensions={"code": error.code}) from error
        if self._shared.is_list:
            await self._join_list(member)
            return
        with self.groups.joining():
            async with aclosing(self._until_joined(member)) as results:
                async for result in results:
                    yield result

    async def _join_list(self, member: Member) -> None:
        """Have the group of a list admit the subscriber, whose first message is made together with that of others.

        Raises:
            GraphQLError: its cursor is none, or the caller's rate limit is used up.
        """
        cursor = self._context.resumed(self._shared.resumes_from(self._variables))
        try:
            since = None if cursor is None else self._context.domain.lists.position_of(cursor)
        except InvalidCursorError as error:
            raise GraphQLError(error.message, extensions={"code": error.code, "field": error.field}) from error
        refusal = await charged(self._context, self._shared.cost(self._variables))
        if refusal is not None:
            raise refusal
        while True:
            group = self.groups.of(self._key, ListGroup)
            assert isinstance(group, ListGroup)
            if await group.ready():
                group.admit(member, since)
                self.group = group
                return
            if group.errors is not None:
                self.errors = group.errors
                return

    async def _until_joined(self, member: Member) -> AsyncGenerator[Any, None]:
        missed = await self._first(member)
        while True:
            if missed is not None:
                async with aclosing(self._caught_up(missed)) as results:
                    async for result in results:
                        yield result
                if not missed.finished:
                    return
                member.last = missed.reached
            group = self.groups.of(self._key)
            if await group.ready():
                if group.join(member):
                    self.group = group
                    return
                missed = Continued(self._context.domain.events, position=member.last, until=group.position)
            elif group.errors is not None:
                self.errors = group.errors
                return
            else:
                missed = None  # delivered already; the group ended before it had a member

    async def _first(self, member: Member) -> CatchUp | None:
        events, last_event_id = self._context.domain.events, self._context.last_event_id
        if self._starts_now():
            refusal = await charged(self._context, _JOINING_POINTS)
            if refusal is not None:
                raise refusal
            member.last = await events.head() if self._starts_at is None else self._starts_at
            return None
        most = WARM if self._context.domain.reads.can_project else None
        return CatchUp(events, until=self.groups.position, last_event_id=last_event_id, most=most)

    async def _caught_up(self, missed: CatchUp) -> AsyncGenerator[Any, None]:
        """Yield the results of missed changes: the first by the executor, the others by a function if there is one."""
        async with aclosing(self._executed(missed)) as results:
            async for result in results:
                yield result
        if missed.left is None:
            return
        async with aclosing(replayed(self.groups, self._key, missed)) as events:
            async for event in events:
                yield event
        if not missed.finished:
            rest = Continued(self._context.domain.events, position=missed.reached, until=missed.until)
            async with aclosing(self._executed(rest)) as results:
                async for result in results:
                    yield result
            missed.reached, missed.finished = rest.reached, rest.finished

    async def _executed(self, missed: CatchUp) -> AsyncGenerator[Any, None]:
        results = await self.groups.schema.stream(
            self._key.query,
            variable_values=self._variables,
            context_value=self._context.for_operation(missed),
            operation_name=self._key.operation_name,
        )
        async with aclosing(results):
            async for result in results:
                yield result
