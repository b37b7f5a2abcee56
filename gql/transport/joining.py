"""How one subscriber gets into its group without a gap or a duplicate: what it missed first, alone, then the rest."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Any

from graphql import GraphQLError

from domain.errors import ForbiddenError, UnauthenticatedError
from gql.context import Context
from gql.limits.checks import charged
from gql.sources import CatchUp, Continued
from gql.transport.claims import Claim
from gql.transport.groups import Group, Groups
from gql.transport.members import Member
from gql.transport.sharing import GroupKey, SharedOperation, shared_operation

#: What joining costs somebody who has missed nothing, and so has nothing executed alone.
_JOINING_POINTS = 5


def joining_of(
    groups: Groups, context: Context, query: str, operation_name: str | None, variables: dict[str, Any] | None
) -> "Joining | None":
    """A subscriber about to join the group of its operation; None where that cannot be shared, or is wrong."""
    shared = shared_operation(groups.core, query, operation_name)
    key = shared.key(query, variables, context.audience) if shared is not None else None
    return Joining(groups, context, shared, key=key, variables=variables) if shared and key is not None else None


class Joining:
    """One subscriber's way into its group."""

    def __init__(
        self,
        groups: Groups,
        context: Context,
        shared: SharedOperation,
        *,
        key: GroupKey,
        variables: dict[str, Any] | None,
    ) -> None:
        self._groups = groups
        self._context = context
        self._shared = shared
        self._key = key
        self._variables = variables
        #: The subscriber's place, as long as it has one.
        self.claim: Claim | None = None
        #: The group, once the subscriber is in it.
        self.group: Group | None = None
        #: Why there is none, where the shared execution failed.
        self.errors: list[Any] | None = None

    def check(self) -> None:
        """Let the subscriber in, as far as that can be said before it is.

        Raises:
            GraphQLError: the caller has too many subscriptions.
        """
        self._groups.claims.check(self._context, self._key)

    def leave(self) -> None:
        """Give the subscriber's place up, and hear nothing more of the group."""
        if self.claim is not None:
            self.claim.leave()

    async def results(self, member: Member) -> AsyncGenerator[Any, None]:
        """What the subscriber missed. Then it is in `group`, or there are `errors`, or the subscription has ended.

        Raises:
            GraphQLError: the caller may not subscribe, or not so often.
        """
        self.claim = self._groups.claims.enter(self._context, self._key)
        try:
            self._context.require(self._shared.needs)
        except (UnauthenticatedError, ForbiddenError) as error:
            raise GraphQLError(error.message, extensions={"code": error.code}) from error
        with self._groups.joining():
            async with aclosing(self._until_joined(member)) as results:
                async for result in results:
                    yield result

    async def _until_joined(self, member: Member) -> AsyncGenerator[Any, None]:
        stretch = await self._first(member)
        while True:
            if stretch is not None:
                async with aclosing(self._executed(stretch)) as results:
                    async for result in results:
                        yield result
                if not stretch.finished:
                    return
                member.last = stretch.reached
            group = self._groups.of(self._key)
            if await group.ready():
                if group.join(member):
                    self.group = group
                    return
                stretch = Continued(self._context.domain.events, position=member.last, until=group.position)
            elif group.errors is not None:
                self.errors = group.errors
                return
            else:
                stretch = None  # delivered already; the group went before anybody was in it

    async def _first(self, member: Member) -> CatchUp | None:
        events, last_event_id = self._context.domain.events, self._context.last_event_id
        if last_event_id is None and self._shared.starts_now(self._variables):
            refusal = await charged(self._context, _JOINING_POINTS)
            if refusal is not None:
                raise refusal
            member.last = await events.head()
            return None
        return CatchUp(events, until=self._groups.position, last_event_id=last_event_id)

    async def _executed(self, stretch: CatchUp) -> AsyncGenerator[Any, None]:
        results = await self._groups.schema.stream(
            self._key.query,
            variable_values=self._variables,
            context_value=self._context.for_operation(stretch),
            operation_name=self._key.operation_name,
        )
        async with aclosing(results):
            async for result in results:
                yield result
