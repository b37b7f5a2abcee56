"""Events of shared subscriptions without the executor: from a change in memory to the answer.

What an event shows of the change itself is not read again; what it shows of the incident as it is now is one statement.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import DocumentNode, GraphQLSchema, OperationDefinitionNode

from domain.model.change import Change
from domain.model.selection import OneOf, Root, Wanted
from domain.model.viewer import ANONYMOUS, Audience
from domain.services.reads import Projected, Reads
from gql.compiled.arguments import ArgumentsReader
from gql.compiled.cache import fields_of, require_small
from gql.compiled.declarations import Declaration, Kind
from gql.compiled.emit import Answer, emit
from gql.compiled.fields import Asked, UnplannableError
from gql.compiled.parts import EventPlan, Found
from gql.compiled.plan import Planner

logger = logging.getLogger(__name__)

_MOST_FUNCTIONS = 256


class _EventPlanner(Planner):
    """A planner of what each event of a valid subscription to the log shows."""

    def event(self, operation: OperationDefinitionNode) -> EventPlan:
        """Return the plan.

        Raises:
            UnplannableError: it holds something that only the generic path can do.
        """
        subscription = self._schema.subscription_type
        assert subscription is not None
        [(key, nodes)] = self._fields.of([operation.selection_set], subscription).items()
        found = subscription.fields[nodes[0].name.value]
        asked = Asked(field=found, node=nodes[0], declaration=Declaration(kind=Kind.SHOWN))
        event = self._alternative(nodes, asked, self._object_of(found))
        return EventPlan(
            operation=operation,
            needs=tuple(self._needs),
            members={key: Found((event,))},
            roots=tuple(Root(selection=each.selection) for each in event.row.lists),
            root_fields=(),
            page_fields=tuple(self._page_fields),
            view=event.row.view,
            columns=event.row.columns,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CompiledEvent:
    """A subscription's events as a function, for one audience."""

    answer: Answer
    row: Callable[[Change], list[Any]]
    read: Projected | None
    roots: int
    arguments: ArgumentsReader
    encode: Callable[..., str]

    def wanted(self, variables: Mapping[str, Any]) -> Wanted | None:
        """Return all that the events read but for the entity; None where the generic path has to see to it."""
        read = self.arguments.read(variables, ANONYMOUS)
        return None if read is None else read[0]

    async def data(self, change: Change, wanted: Wanted) -> dict[str, Any] | None:
        """Return the data of the result for a change; None where it has to be read on the generic path."""
        row = self.row(change)
        if self.read is not None:
            rows = [OneOf(by="id", value=change.entity_id)] * self.roots
            found = await self.read.read(Wanted(rows=rows, pages=wanted.pages))
            if found is None:
                return None
            row += [[] if each is None else [each] for each in found]
        return self.answer([row], wanted.pages, self.encode, ())


_Key = tuple[str, str | None, Audience, bytes]


class CompiledEvents:
    """A compiler of subscriptions to the log, which keeps the functions for all groups that can share them."""

    def __init__(self, schema: GraphQLSchema, reads: Reads) -> None:
        self._schema = schema
        self._reads = reads
        self._shapes = reads.shapes()
        self._made: OrderedDict[_Key, CompiledEvent | None] = OrderedDict()

    def find(
        self,
        key: _Key,
        document: DocumentNode,
        operation: OperationDefinitionNode,
        variables: Mapping[str, Any],
    ) -> CompiledEvent | None:
        """Return the function for a valid subscription: text, name, audience and variables; None if there is none."""
        if key not in self._made:
            self._made[key] = self._compiled(document, operation, variables, key[2])
            if len(self._made) > _MOST_FUNCTIONS:
                self._made.popitem(last=False)
        self._made.move_to_end(key)
        return self._made[key]

    def _compiled(
        self, document: DocumentNode, operation: OperationDefinitionNode, flags: Mapping[str, Any], audience: Audience
    ) -> CompiledEvent | None:
        try:
            return self._planned(document, operation, flags, audience)
        except UnplannableError as error:
            logger.info("events take the generic path: %s", error)
        except Exception:
            # The generic path needs nothing of all this: a fault here costs time and no event.
            logger.exception("a subscription could not be compiled")
        return None

    def _planned(
        self, document: DocumentNode, operation: OperationDefinitionNode, flags: Mapping[str, Any], audience: Audience
    ) -> CompiledEvent:
        fields = fields_of(self._schema, document, operation, flags)
        plan = _EventPlanner(self._schema, fields, self._shapes, audience).event(operation)
        row = self._reads.recorded(plan.view, plan.columns)
        if row is None or plan.needs:
            # What callers need is asked of each of them, and a group is for all.
            raise UnplannableError(f"events of {plan.view}")
        require_small(plan)
        arguments = ArgumentsReader(
            self._schema,
            operation,
            roots=(),
            pages=plan.page_fields,
            audience=audience,
            cursors=self._reads.cursors,
            shows_caller=False,
        )
        try:
            read = self._reads.projected(plan.roots, audience) if plan.roots else None
        except ValueError as error:
            raise UnplannableError(str(error)) from error
        return CompiledEvent(
            answer=emit(plan, audience),
            row=row,
            read=read,
            roots=len(plan.roots),
            arguments=arguments,
            encode=self._reads.cursors.encode,
        )
