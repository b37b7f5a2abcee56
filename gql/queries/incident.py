"""Queries about incidents and the log of their changes."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

import strawberry

from domain.errors import InvalidInputError
from domain.ids import is_id
from domain.model import incident as model
from domain.model.cursor import LOG
from domain.model.filters import Filter, systems_in
from domain.model.paging import Order, Page, PageRequest
from domain.model.place import Place
from domain.model.positions import incident_position
from domain.model.selection import AllOf, Logged, OneOf
from domain.model.viewer import Audience
from domain.services.events import Watch
from gql.compiled.declarations import all_in_order, cursor_name, log_in_order, one
from gql.context import Context, Info
from gql.inputs.filters import IncidentEventFilter, IncidentFilter, filter_tree, hide_resolved, tree_with_keys
from gql.inputs.given import read_input, value_or_none
from gql.inputs.orders import IncidentOrder, order_of
from gql.inputs.watching import TYPES, events_of
from gql.pagination import After, Before, Connection, First, Last, PageArguments, connection, cursor_maker
from gql.types.change import IncidentChange
from gql.types.enums import IncidentEventType
from gql.types.event import IncidentEvent
from gql.types.health import ActiveHealthOverride
from gql.types.incident import Incident

_LIST = "incidents"
_IN_LOG = Order(field="seq", descending=False)
_MOST_IDS = 100
Types = Annotated[list[IncidentEventType] | None, strawberry.argument(description=TYPES)]
At = Annotated[
    datetime | None,
    strawberry.argument(description="As of this moment; CURSOR_EXPIRED where the log does not reach back to it."),
]
AtCursor = Annotated[
    str | None,
    strawberry.argument(
        description="As of this cursor of the log, as from `cursor`; CURSOR_EXPIRED where the log does not reach it."
    ),
]
EventFilter = Annotated[
    IncidentEventFilter | None,
    strawberry.argument(description="Only events of incidents that match before or after them."),
]


def _by_id_or_number(arguments: Mapping[str, Any], *_: object) -> OneOf | None:
    given = [OneOf(by=name, value=value) for name, value in arguments.items() if value is not None]
    # The past is read on the generic path.
    return given[0] if len(given) == 1 and given[0].by in {"id", "number"} else None


def _matching(arguments: Mapping[str, Any], audience: Audience, _: str) -> AllOf | None:
    if any(arguments.get(name) is not None for name in ("at", "atCursor")):
        return None
    given = read_input(IncidentFilter, arguments.get("filter"))
    order = order_of(read_input(IncidentOrder, arguments.get("orderBy")))
    return AllOf(order=order, tree=hide_resolved(given, tree_with_keys(given, audience)))


def _logged(arguments: Mapping[str, Any], audience: Audience, *, events: tuple[str, ...] | None) -> AllOf | None:
    """Return the changes that a page of the log shows; None where keys in its filter may name former systems."""
    tree = tree_with_keys(read_input(IncidentEventFilter, arguments.get("filter")), audience)
    if not all(is_id(reference, "sys") for reference in systems_in(tree)):
        return None
    return AllOf(order=_IN_LOG, tree=tree, logged=Logged(events=events))


def _events(arguments: Mapping[str, Any], audience: Audience, _: str) -> AllOf | None:
    return _logged(arguments, audience, events=events_of(arguments.get("types")))


def _changes(arguments: Mapping[str, Any], audience: Audience, _: str) -> AllOf | None:
    return _logged(arguments, audience, events=None)


@strawberry.type
class IncidentQueries:
    @strawberry.field(
        description=(
            "The incident with that id or number; null where there is none. With `at` or `atCursor` it is shown as it "
            "was then, also one that was deleted since, which is found by its id. Give the answer to no cache that "
            "keeps incidents by id."
        ),
        metadata=one(_by_id_or_number),
    )
    async def incident(
        self,
        info: Info,
        id: Annotated[strawberry.ID | None, strawberry.argument(description="Its id.")] = strawberry.UNSET,
        number: Annotated[int | None, strawberry.argument(description="Its number.")] = strawberry.UNSET,
        at: At = strawberry.UNSET,
        at_cursor: AtCursor = strawberry.UNSET,
    ) -> Incident | None:
        identifier: str | None = value_or_none(id)
        wanted = value_or_none(number)
        if (identifier is None) is (wanted is None):
            raise InvalidInputError("Name the incident by `id` or by `number`.", field=["id"])
        place = await info.context.domain.replay.place(value_or_none(at), value_or_none(at_cursor))
        if wanted is not None:
            identifier = (await info.context.domain.reads.incident_ids_by_number([wanted])).get(wanted)
        if place is not None:
            past = await info.context.domain.replay.incidents([identifier] if identifier else [], place)
            return Incident.of(past[identifier], place) if identifier in past else None
        found = await info.context.loaders.incidents.load(identifier) if identifier else None
        return Incident.of(found) if found else None

    @strawberry.field(
        description=(
            "Incidents that match, newest first. Resolved ones are hidden unless the filter asks for them. With `at` "
            "or `atCursor`, those that matched then, as they were, in the order of then; filters by `text`, `link` and "
            "`dedupeKey` cannot be used. Give the answer to no cache that keeps incidents by id."
        ),
        metadata=all_in_order(_LIST, _matching),
    )
    async def incidents(  # noqa: PLR0913, PLR0917 - arguments of the field
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: Annotated[
            IncidentFilter | None, strawberry.argument(description="Only incidents that match.")
        ] = strawberry.UNSET,
        order_by: Annotated[IncidentOrder | None, strawberry.argument(description="Their order.")] = strawberry.UNSET,
        at: At = strawberry.UNSET,
        at_cursor: AtCursor = strawberry.UNSET,
    ) -> Connection[Incident]:
        context, cursors = info.context, info.context.domain.reads.cursors
        order = order_of(order_by)
        name = cursor_name(_LIST, order)
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        page = arguments.request(cursors, name)
        tree: Filter = hide_resolved(filter, await filter_tree(context, filter))
        place = await context.domain.replay.place(value_or_none(at), value_or_none(at_cursor))
        listed = _Listed(context, tree, order, place)
        return connection(
            await listed.page(page),
            to_node=lambda incident: Incident.of(incident, place),
            cursor=cursor_maker(cursors, name, lambda incident: incident_position(incident, order)),
            count=listed.count,
        )

    @strawberry.field(
        description="The trigger events of the log, oldest first. The subscription has the same cursors.",
        metadata=log_in_order(_events),
    )
    async def incident_events(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        types: Types = strawberry.UNSET,
        filter: EventFilter = strawberry.UNSET,
    ) -> Connection[IncidentEvent]:
        watch = Watch(
            audience=info.context.audience,
            tree=await filter_tree(info.context, filter),
            events=events_of(types),
        )
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        context = info.context
        await _check_kept(context, value_or_none(after))
        return connection(
            await context.domain.events.page(watch, arguments.request(context.domain.reads.cursors, LOG)),
            to_node=lambda change: IncidentEvent.of(change, context),
            cursor=lambda change: context.domain.events.cursor_of(change.seq),
            count=lambda: context.domain.events.count(watch),
        )

    @strawberry.field(
        description="All changes in the log, oldest first, including comments, links, titles and deletions.",
        metadata=log_in_order(_changes),
    )
    async def incident_changes(
        self,
        info: Info,
        first: First = strawberry.UNSET,
        after: After = strawberry.UNSET,
        last: Last = strawberry.UNSET,
        before: Before = strawberry.UNSET,
        filter: EventFilter = strawberry.UNSET,
    ) -> Connection[IncidentChange]:
        watch = Watch(audience=info.context.audience, tree=await filter_tree(info.context, filter))
        arguments = PageArguments(first=first, after=after, last=last, before=before)
        context = info.context
        await _check_kept(context, value_or_none(after))
        return connection(
            await context.domain.events.page(watch, arguments.request(context.domain.reads.cursors, LOG)),
            to_node=lambda change: IncidentChange.of(change, context),
            cursor=lambda change: context.domain.events.cursor_of(change.seq),
            count=lambda: context.domain.events.count(watch),
        )

    @strawberry.field(description="The health that open incidents set for up to 100 systems.")
    async def active_health_overrides(
        self,
        info: Info,
        system_ids: Annotated[list[str], strawberry.argument(description="The systems, by id or key.")],
    ) -> list[ActiveHealthOverride]:
        if len(system_ids) > _MOST_IDS:
            raise InvalidInputError(f"Name at most {_MOST_IDS} systems.", field=["systemIds"])
        found = await info.context.domain.reads.system_ids(system_ids) if system_ids else {}
        overrides = await info.context.domain.reads.active_overrides(sorted(set(found.values())))
        return [ActiveHealthOverride.of(override) for words in overrides.values() for override in words]


async def _check_kept(context: Context, after: str | None) -> None:
    """Refuse a page behind a cursor whose next changes were pruned: the gap would not show."""
    if after is not None:
        await context.domain.events.start_of(after)


@dataclass(frozen=True, slots=True)
class _Listed:
    """The incidents that match, now or at a place in the past."""

    context: Context
    tree: Filter
    order: Order
    place: Place | None

    async def page(self, page: PageRequest) -> Page[model.Incident]:
        """Return one page of them."""
        domain, audience = self.context.domain, self.context.audience
        if self.place is None:
            return await domain.reads.incident_page(self.tree, self.order, page, audience)
        return await domain.replay.incident_page(self.tree, self.order, page, audience, self.place)

    async def count(self) -> int:
        """Return how many they are."""
        domain, audience = self.context.domain, self.context.audience
        if self.place is None:
            return await domain.reads.incident_count(self.tree, audience)
        return await domain.replay.incident_count(self.tree, audience, self.place)
