"""Live lists without the executor: one statement for the items that a step puts, or for the list as a whole."""

import logging
from collections import OrderedDict
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode

from domain.model.filters import size_of
from domain.model.listing import Edit, Listing, Window
from domain.model.paging import PageRequest
from domain.model.selection import LOG, Paged, Root, Rows, Selection, SomeOf, Wanted
from domain.model.viewer import ANONYMOUS, Audience
from domain.services.list_readers import Whole
from domain.services.lists import ListStep
from domain.services.reads import Projected, Reads
from gql.compiled.arguments import ArgumentsReader
from gql.compiled.cache import fields_of, require_small
from gql.compiled.emit import Answer, emit
from gql.compiled.fields import UnplannableError
from gql.compiled.messages import CHANGES, ITEMS, TYPENAME, ListPlanner, MessagePlan, Names

logger = logging.getLogger(__name__)

_MOST_FUNCTIONS = 256
#: Values that a filter compares with: to write the statement takes a tenth of a millisecond for each.
_MOST_COMPARED = 150
Shown = Mapping[str, Any]


class UnreadableError(Exception):
    """The rows cannot be read here; the generic path has to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledList:
    """A subscription to a list as functions, for one audience; also the reader of its rows."""

    plan: MessagePlan
    listing: Listing
    answer: Answer | None
    whole_read: Projected
    #: Reads items besides, of which the list was known to show some.
    departed_read: Projected
    some_read: Projected
    pages: Sequence[PageRequest]
    reads: Reads

    async def whole(self, size: int, departed: Sequence[str]) -> Whole[Any]:
        """Return the first rows of the list, and facts of these other ones, all of one moment.

        Raises:
            UnreadableError: the generic path has to read them.
        """
        listing = self.listing
        wanted: list[Rows] = [listing.rows, LOG]
        if departed:
            wanted.append(SomeOf(ids=tuple(departed)))
        read = self.departed_read if departed else self.whole_read
        found = await read.read(Wanted(rows=wanted, pages=[*self.pages, PageRequest(size=size)]))
        if found is None or found[0] is None:
            raise UnreadableError
        (rows, total), [position], *others = found
        entries = listing.entries(map(self._values, rows))
        return Whole(
            window=Window(position=position, entries=entries, total=total),
            items=dict(zip([entry.id for entry in entries], rows, strict=True)),
            departed={row[0]: dict(zip(listing.facts, row, strict=True)) for of_one in others for row in of_one or ()},
        )

    async def some(self, ids: Sequence[str]) -> Mapping[str, tuple[Any, Any]]:
        """Return the rows with these ids as they are now, with their versions.

        Raises:
            UnreadableError: the generic path has to read them.
        """
        found = await self.some_read.read(Wanted(rows=[SomeOf(ids=tuple(ids))], pages=self.pages))
        if found is None:
            raise UnreadableError
        entries = [(self.listing.read(self._values(row)), row) for row in found[0] or ()]
        return {entry.id: (entry.version, row) for entry, row in entries}

    def _values(self, row: Sequence[Any]) -> list[Any]:
        return [row[place] for place in self.plan.places]

    def data(self, step: ListStep[Any]) -> dict[str, Any]:
        """Return the data of the message about a step."""
        ids = [edit.id for edit in step.edits if edit.index is not None]
        items: Mapping[str, Any] = {}
        if self.answer is not None and ids:
            rows = [step.items[identifier] for identifier in ids]
            shown = self.answer([rows], self.pages, self.reads.cursors.encode, [ids])[ITEMS]
            items = dict(zip(ids, shown, strict=True))
        own = {
            TYPENAME: self.plan.type_name,
            "cursor": self.reads.cursors.position(step.position),
            "startsOver": step.starts_over,
            "totalCount": step.total,
        }
        return {
            self.plan.key: {
                key: own[name]
                if name != CHANGES
                else [self._shown(edit, self.plan.of_changes[key], items) for edit in step.edits]
                for key, name in self.plan.of_update
            }
        }

    def _shown(self, edit: Edit, names: Names, items: Shown) -> dict[str, Any]:
        kind = self.listing.kind
        values = {
            TYPENAME: self.plan.change_name,
            "action": edit.action.name,
            "index": edit.index,
            "previousIndex": edit.previous_index,
            f"{kind}Id": edit.id,
            kind: items.get(edit.id),
        }
        return {key: values[name] for key, name in names}


@dataclass(frozen=True, slots=True, kw_only=True)
class AskedList:
    """A valid subscription to a list, for one audience."""

    document: DocumentNode
    operation: OperationDefinitionNode
    variables: Mapping[str, Any]
    audience: Audience
    listing: Listing


class CompiledLists:
    """A compiler of subscriptions to lists, which keeps the functions for all groups that can share them."""

    def __init__(self, schema: GraphQLSchema, reads: Reads) -> None:
        self._schema = schema
        self._reads = reads
        self._shapes = reads.shapes()
        self._made: OrderedDict[Hashable, CompiledList | None] = OrderedDict()

    def find(self, key: Hashable, asked: AskedList) -> CompiledList | None:
        """Return the functions for a subscription, which the key is the name of; None if there are none."""
        found = self._made.get(key)
        # Its filter names systems by ids, and a key may be that of another one now.
        if key not in self._made or (found is not None and found.listing != asked.listing):
            self._made[key] = self._compiled(asked)
            if len(self._made) > _MOST_FUNCTIONS:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]

    def _compiled(self, asked: AskedList) -> CompiledList | None:
        try:
            return self._planned(asked)
        except UnplannableError as error:
            logger.info("a list takes the generic path: %s", error)
        except Exception:
            # The generic path needs nothing of all this: a fault here costs time and no event.
            logger.exception("a subscription could not be compiled")
        return None

    def _planned(self, asked: AskedList) -> CompiledList:
        if size_of(asked.listing.rows.tree) > _MOST_COMPARED:
            raise UnplannableError("a large filter")
        fields = fields_of(self._schema, asked.document, asked.operation, asked.variables)
        planner = ListPlanner(self._schema, fields, self._shapes, asked.audience)
        plan = planner.message(asked.operation, asked.listing)
        if plan.rows.needs:
            # What callers need is asked of each of them, and a group is for all.
            raise UnplannableError("permissions")
        require_small(plan.rows)
        pages = self._pages(plan, asked)
        page = Paged(place=len(pages), is_read=True, peeks=False, counted=True)
        roots = [Root(selection=plan.selection, page=page), Root(selection=Selection(view="log", columns=("head",)))]
        departed = Root(selection=Selection(view=asked.listing.kind, columns=asked.listing.facts))
        try:
            whole = self._reads.projected(roots, asked.audience)
            besides = self._reads.projected([*roots, departed], asked.audience)
            some = self._reads.projected([Root(selection=plan.selection)], asked.audience)
        except ValueError as error:
            raise UnplannableError(str(error)) from error
        return CompiledList(
            plan=plan,
            listing=asked.listing,
            answer=emit(plan.rows, asked.audience) if plan.rows.members else None,
            whole_read=whole,
            departed_read=besides,
            some_read=some,
            pages=pages,
            reads=self._reads,
        )

    def _pages(self, plan: MessagePlan, asked: AskedList) -> Sequence[PageRequest]:
        """Return the pages of lists within the items."""
        arguments = ArgumentsReader(
            self._schema,
            asked.operation,
            roots=(),
            pages=plan.rows.page_fields,
            audience=asked.audience,
            cursors=self._reads.cursors,
            shows_caller=False,
        )
        read = arguments.read(asked.variables, ANONYMOUS)
        if read is None:
            raise UnplannableError("arguments")
        return read[0].pages
