"""The functions that documents were made into, kept with each document for as long as it is kept."""

import logging
import weakref
from collections import Counter, OrderedDict
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    SKIP,
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLSchema,
    ListTypeNode,
    NamedTypeNode,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    TypeNode,
    VariableNode,
    Visitor,
    get_named_type,
    is_enum_type,
    is_object_type,
    visit,
)

from domain.model.selection import Selection, Wanted
from domain.model.viewer import Audience
from domain.services.answers import Answering
from domain.services.reads import Projected, Reads
from gql.compiled.accepted import Accepted
from gql.compiled.arguments import ArgumentsReader
from gql.compiled.declarations import Kind
from gql.compiled.direct import DirectMutation
from gql.compiled.emit import Answer, emit
from gql.compiled.fields import Fields, UnplannableError
from gql.compiled.mutating import without_rows
from gql.compiled.parts import Caller, PayloadPlan, Plan
from gql.compiled.plan import declaration_of, payload_plan_of, plan_of
from gql.limits.cache import Kept
from gql.limits.costs import cost_of
from gql.limits.lagging import may_lag

logger = logging.getLogger(__name__)

#: Functions of all documents: each document may have one for each of its operations, audiences and flags, and each
#: takes some 25 KB with its statements.
_MOST_FUNCTIONS = 1_000
_MOST_COSTS = 64
_UNKNOWN = "unknown"
#: From the value of a variable on which a plan depends to whether it is one that it can have.
Flag = Callable[[Any], bool]
#: Lists of one operation, and values of all its rows: to write the statement takes a millisecond for each list, and a
#: third of one for each value.
_MOST_LISTS = 20
_MOST_VALUES = 150
#: These arguments of connections say nothing of how much is read, nor do variables of these types.
_SIZELESS_ARGUMENTS = {"filter", "orderBy"}
_SIZELESS = {"ID", "String", "Boolean", "DateTime", "Float"}


@dataclass(slots=True, kw_only=True)
class Compiled:
    """One operation as a function, for one audience."""

    plan: Plan
    audience: Audience
    answer: Answer
    read: Projected
    #: Reads it for a query that names no cursor; replicas may do so, or not.
    read_at_any: Callable[[Wanted], Coroutine[Any, Any, list[Any] | None]]
    may_lag: bool
    arguments: ArgumentsReader
    costs: "Costs"
    document: DocumentNode
    accepted: Accepted = field(default_factory=Accepted)
    #: Of a mutation: what reads its payload, and the document that is left for the generic path.
    answering: Callable[..., Answering] | None = None
    rest: DocumentNode | None = None
    direct: DirectMutation | None = None


class Costs:
    """The cost of an operation, computed again only for variables that may change it."""

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode) -> None:
        self._asked = schema, document, operation
        definitions = operation.variable_definitions or ()
        sized = _sized_variables(document)
        self._sizes = tuple(
            each.variable.name.value
            for each in definitions
            if each.variable.name.value in sized and not _is_sizeless(each.type, schema)
        )
        self._known: dict[tuple[Any, ...], int] = {}

    def of(self, variables: Mapping[str, Any] | None) -> int:
        """Return the points that the operation costs with these variables."""
        sizes = tuple(_size_of((variables or {}).get(name, ...)) for name in self._sizes)
        if _UNKNOWN in sizes:
            return cost_of(*self._asked, variables)
        cost = self._known.get(sizes)
        if cost is None:
            if len(self._known) >= _MOST_COSTS:
                self._known.clear()
            cost = self._known[sizes] = cost_of(*self._asked, variables)
        return cost


_Key = tuple[str | None, Audience, tuple[Any, ...]]


@dataclass(slots=True, weakref_slot=True, eq=False)
class _Made:
    """The functions of one document so far."""

    owner: "CompiledCache"
    flags: Mapping[str, Flag]
    #: By name, and under None the one that there is where there is only one.
    operations: Mapping[str | None, OperationDefinitionNode]
    functions: dict[_Key, Compiled | None] = field(default_factory=dict)


class CompiledCache:
    """A compiler of documents that are seen a second time, which counts hits and reasons."""

    def __init__(self, schema: GraphQLSchema, reads: Reads) -> None:
        self._schema = schema
        self._reads = reads
        self._shapes = reads.shapes()
        self._choices = _choices_in(schema)
        #: All functions, the one that ran last at the end. Those of a document go with it.
        self._latest: OrderedDict[tuple[int, _Key], weakref.ref[_Made]] = OrderedDict()
        #: Operations that were answered by a function.
        self.hits = 0
        #: Operations that were not, by reason.
        self.reasons: Counter[str] = Counter()

    def find(
        self, kept: Kept, operation_name: str | None, variables: Mapping[str, Any] | None, audience: Audience
    ) -> Compiled | None:
        """Return the function for a document that is valid; None where there is none yet, or cannot be one."""
        made: _Made | None = kept.made
        # Documents are kept for all domains of a process, whose functions read different databases.
        if made is None or made.owner is not self:
            kept.made = _Made(self, self._flags_of(kept.document), _operations_of(kept.document))
            self.reasons["seen once"] += 1
            return None
        operation = made.operations.get(operation_name)
        if operation is None or operation.operation is OperationType.SUBSCRIPTION:
            return None
        flags = tuple((variables or {}).get(name, ...) for name in made.flags)
        key = operation_name, audience, flags
        if not _are_possible(made.flags, flags):
            self.reasons["a flag that is none"] += 1
            return None
        if key not in made.functions:
            given = dict(zip(made.flags, flags, strict=True))
            self._keep(made, key, self._made(kept.document, operation, given, audience))
        self._latest.move_to_end((id(made), key))
        return made.functions[key]

    def known(
        self, kept: Kept, operation_name: str | None, variables: Mapping[str, Any] | None, audience: Audience
    ) -> Compiled | None:
        """Return the function for a document if there is one, without making or counting anything."""
        made: _Made | None = kept.made
        if made is None or made.owner is not self:
            return None
        flags = tuple((variables or {}).get(name, ...) for name in made.flags) if made.flags else ()
        key = operation_name, audience, flags
        # Nothing else is looked up: 1 equals True, and a list cannot be.
        if flags and not _are_possible(made.flags, flags):
            return None
        compiled = made.functions.get(key)
        if compiled is not None:
            self._latest.move_to_end((id(made), key))
        return compiled

    def _flags_of(self, document: DocumentNode) -> dict[str, Flag]:
        """Return the variables on which plans of the document depend, and what they can be."""
        flags: dict[str, Flag] = {}
        choices = self._choices

        class _Flags(Visitor):
            def enter_directive(self, node: Any, *_: Any) -> None:
                for argument in node.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        flags[argument.value.name.value] = _is_boolean

            def enter_field(self, node: Any, *_: Any) -> None:
                for argument in node.arguments or ():
                    known = choices.get((node.name.value, argument.name.value))
                    if known is not None and isinstance(argument.value, VariableNode):
                        flags[argument.value.name.value] = _is_among(known)

        visit(document, _Flags())
        return dict(sorted(flags.items()))

    def _keep(self, made: _Made, key: _Key, compiled: Compiled | None) -> None:
        made.functions[key] = compiled
        self._latest[id(made), key] = weakref.ref(made)
        while len(self._latest) > _MOST_FUNCTIONS:
            (_, oldest), reference = self._latest.popitem(last=False)
            if (owner := reference()) is not None:
                owner.functions.pop(oldest, None)

    def _made(
        self, document: DocumentNode, operation: OperationDefinitionNode, flags: Mapping[str, Any], audience: Audience
    ) -> Compiled | None:
        try:
            return self._compiled(document, operation, flags, audience)
        except UnplannableError as error:
            reason = str(error)
            if reason not in self.reasons:
                # Once for each: it says what clients ask for that could be cheaper.
                logger.info("operations take the generic path: %s", reason)
            self.reasons[reason] += 1
        except Exception:
            # The generic path needs nothing of all this: a fault here costs time and no answer.
            logger.exception("an operation could not be compiled")
            self.reasons["a fault"] += 1
        return None

    def _compiled(
        self, document: DocumentNode, operation: OperationDefinitionNode, flags: Mapping[str, Any], audience: Audience
    ) -> Compiled:
        fields = fields_of(self._schema, document, operation, flags)
        planned = payload_plan_of if operation.operation is OperationType.MUTATION else plan_of
        plan = planned(self._schema, operation, fields, self._shapes, audience)
        require_small(plan)
        arguments = ArgumentsReader(
            self._schema,
            operation,
            roots=plan.root_fields,
            pages=plan.page_fields,
            audience=audience,
            cursors=self._reads.cursors,
            shows_caller=any(isinstance(member, Caller) for member in plan.members.values()),
        )
        try:
            read = self._reads.projected(plan.roots, audience)
            answering = self._reads.answering(plan.roots, audience)
        except ValueError as error:
            raise UnplannableError(str(error)) from error
        fragments, lags = _fragments_of(document), may_lag(document, operation)
        return Compiled(
            plan=plan,
            audience=audience,
            answer=emit(plan, audience),
            read=read,
            read_at_any=read.reader(may_lag=lags),
            may_lag=lags,
            arguments=arguments,
            costs=Costs(self._schema, document, operation),
            document=document,
            answering=answering,
            rest=without_rows(document, plan) if isinstance(plan, PayloadPlan) else None,
            direct=DirectMutation(self._schema, plan, fragments) if isinstance(plan, PayloadPlan) else None,
        )


def _size_of(value: Any) -> Any:
    """Return all of a variable's value that a cost may depend on: a number, or the length of lists."""
    if value is None or value is ... or type(value) is int:
        return value
    if isinstance(value, list):
        return "list", len(value)
    if isinstance(value, dict):
        return "input", max((len(each) for each in value.values() if isinstance(each, list)), default=0)
    return _UNKNOWN


def _operations_of(document: DocumentNode) -> dict[str | None, OperationDefinitionNode]:
    found = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    named: dict[str | None, OperationDefinitionNode] = {
        each.name.value: each for each in found if each.name is not None
    }
    return named if len(found) > 1 else {**named, None: found[0]}


def require_small(plan: Plan) -> None:
    """Refuse a plan whose statement would take too long to write.

    Raises:
        UnplannableError: it has too many lists or values.
    """
    if _most_of(plan, lambda selection: 1 + _lists_in(selection)) > _MOST_LISTS:
        raise UnplannableError("many lists")
    if _most_of(plan, _values_in) > _MOST_VALUES:
        raise UnplannableError("many values")


def _lists_in(selection: Selection) -> int:
    return sum(1 + _lists_in(listed.selection) for listed in selection.lists)


def _values_in(selection: Selection) -> int:
    return len(selection.columns) + sum(_values_in(listed.selection) for listed in selection.lists)


def _most_of(plan: Plan, size: Callable[[Selection], int]) -> int:
    """Return the size of all that one statement may read: of the kinds that a field may find, it reads one."""
    sizes: dict[tuple[int, int], int] = {}
    for place, (root, asked) in enumerate(zip(plan.roots, plan.root_fields or (None,) * len(plan.roots), strict=True)):
        is_one = asked is not None and asked.declaration.kind is Kind.ONE
        field = (id(asked.node), 0) if asked is not None and is_one else (0, place + 1)
        sizes[field] = max(sizes.get(field, 0), size(root.selection))
    return sum(sizes.values())


def _choices_in(schema: GraphQLSchema) -> dict[tuple[str, str], frozenset[str]]:
    """Return the values of arguments that say which field is shown, by the names of field and argument."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for on in schema.type_map.values():
        for name, shown in on.fields.items() if is_object_type(on) else ():
            declaration = declaration_of(shown)
            if declaration is not None and declaration.variant is not None:
                kind: Any = get_named_type(shown.args[declaration.variant].type)
                found[name, declaration.variant] = frozenset(kind.values)
    return found


def _are_possible(flags: Mapping[str, Flag], values: Sequence[Any]) -> bool:
    return all(value is ... or is_one(value) for is_one, value in zip(flags.values(), values, strict=True))


def _is_boolean(value: Any) -> bool:
    return isinstance(value, bool)


def _is_among(known: frozenset[str]) -> Flag:
    return lambda value: isinstance(value, str) and value in known


def fields_of(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, flags: Mapping[str, Any]
) -> Fields:
    """Return the collector of an operation's fields, at these values of the variables that decide about them."""
    return Fields(schema, _fragments_of(document), _with_defaults(operation, flags))


def _fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)}


def _with_defaults(operation: OperationDefinitionNode, flags: Mapping[str, Any]) -> dict[str, Any]:
    """Return these values of variables, and the defaults of all others."""
    given = {name: flag for name, flag in flags.items() if flag is not ...}
    defaults = {
        each.variable.name.value: getattr(each.default_value, "value", None)
        for each in operation.variable_definitions or ()
    }
    return defaults | given


def _sized_variables(document: DocumentNode) -> set[str]:
    """Return the variables that stand in arguments that may say how much is read."""
    names: set[str] = set()

    class _Sized(Visitor):
        def enter_argument(self, node: Any, *_: Any) -> Any:
            return SKIP if node.name.value in _SIZELESS_ARGUMENTS else None

        def enter_variable(self, node: Any, *_: Any) -> None:
            names.add(node.name.value)

        def enter_variable_definition(self, *_: Any) -> Any:
            return SKIP

    visit(document, _Sized())
    return names


def _is_sizeless(kind: TypeNode, schema: GraphQLSchema) -> bool:
    if isinstance(kind, NonNullTypeNode):
        kind = kind.type
    if isinstance(kind, ListTypeNode) or not isinstance(kind, NamedTypeNode):
        return False
    name = kind.name.value
    return name in _SIZELESS or is_enum_type(schema.type_map.get(name))
