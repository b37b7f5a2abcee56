"""Functions that show what groups deliver, made from their documents: those without one are executed."""

from graphql import GraphQLSchema

from domain.model.listing import Listing
from domain.model.selection import Wanted
from domain.services.reads import Reads
from gql.compiled.events import CompiledEvent, CompiledEvents
from gql.compiled.lists import AskedList, CompiledList, CompiledLists
from gql.transport.sharing import GroupKey, shared_operation


class GroupFunctions:
    """The functions of a process for its groups, by their keys."""

    def __init__(self, core: GraphQLSchema, reads: Reads) -> None:
        self._core = core
        self._reads = reads
        self._events = CompiledEvents(core, reads)
        self._lists = CompiledLists(core, reads)

    def of_events(self, key: GroupKey) -> tuple[CompiledEvent, Wanted] | None:
        """Return the function for a group's events, and what they read; None where they have to be executed."""
        shared = shared_operation(self._core, key.query, key.operation_name)
        if shared is None:
            return None
        of_group = key.query, key.operation_name, key.audience, key.variables
        event = self._events.find(of_group, shared.document, shared.operation, key.given)
        wanted = event.wanted(key.given) if event is not None else None
        return None if event is None or wanted is None else (event, wanted)

    def of_list(self, key: GroupKey, listing: Listing) -> CompiledList | None:
        """Return the functions for the list of a group; None where its steps have to be executed."""
        shared = shared_operation(self._core, key.query, key.operation_name)
        if shared is None or not self._reads.can_project:
            return None
        asked = AskedList(
            document=shared.document,
            operation=shared.operation,
            variables=key.given,
            audience=key.audience,
            listing=listing,
        )
        return self._lists.find((key.query, key.operation_name, key.audience, key.variables), asked)
