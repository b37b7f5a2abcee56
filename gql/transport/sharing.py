"""Analysis of subscriptions: whether their execution can be shared, and with which group."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    NonNullTypeNode,
    OperationDefinitionNode,
    OperationType,
    StringValueNode,
    TypeInfo,
    TypeInfoVisitor,
    VariableNode,
    get_operation_ast,
    get_variable_values,
    parse,
)
from graphql.language import Visitor, visit

from domain.model.viewer import Audience, Role
from gql.kinds import PUSHED
from gql.limits.costs import cost_of
from gql.limits.variables import unreadable

#: The root fields whose events depend on the caller's audience alone, and the role that each needs.
SHARED_FIELDS = {
    name: pushed.needs
    for pushed in PUSHED.values()
    if pushed is not None
    for name in (pushed.state, *pushed.log, *pushed.lists)
    if name is not None
}
#: The shared fields that begin with the present state of an entity.
_STATES = frozenset(pushed.state for pushed in PUSHED.values() if pushed is not None and pushed.state is not None)
#: The shared fields whose subscribers have one list, all of them as of the same place of the log.
_LISTS = frozenset(name for pushed in PUSHED.values() if pushed is not None for name in pushed.lists)
#: Fields that depend on the caller, as `Type.field`; an operation with one of them is executed for each caller.
VIEWER_DEPENDENT_FIELDS = frozenset({"Query.viewer"})
_RESUME = "after"
#: The number of documents and analyses kept; both hold syntax trees, of 60 bytes a character.
_CACHED_DOCUMENTS = 64
#: The number of kinds of operations kept, which hold the text alone.
_CACHED_KINDS = 256
_LONGEST_CACHED = 20_000
#: Larger documents are not shared; the checks decide whether they may run at all.
_MOST_TOKENS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupKey:
    """Everything that a shared execution depends on."""

    query: str
    operation_name: str | None
    #: The declared variables as JSON, coerced to their types and with their defaults.
    variables: bytes
    audience: Audience
    #: The variables to execute with, as the first subscriber sent them.
    given: Mapping[str, Any] = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedOperation:
    """A subscription that can be shared."""

    field: str
    #: The variable that holds the cursor to resume from, if there is one; each subscriber has its own value.
    resume_variable: str | None
    resumes: bool
    schema: GraphQLSchema
    document: DocumentNode
    operation: OperationDefinitionNode
    #: True where the variable must be given or has a default.
    resumes_always: bool = False
    #: The cursor to resume from in the document itself: in the argument, or as the default of the variable.
    resume_text: str | None = None

    @property
    def is_list(self) -> bool:
        """Return whether its subscribers have one list, as of the same place of the log."""
        return self.field in _LISTS

    @property
    def needs(self) -> Role:
        """The role that a subscriber needs."""
        return SHARED_FIELDS[self.field]

    def key(self, query: str, variables: Mapping[str, Any] | None, audience: Audience) -> GroupKey | None:
        """Return the key of the subscriber's group; None where its variables are wrong, which its execution reports."""
        if unreadable(self.schema, self.operation, variables):
            return None
        definitions = self.operation.variable_definitions or ()
        declared = {definition.variable.name.value for definition in definitions}
        given = {name: value for name, value in (variables or {}).items() if name in declared}
        if self.resume_variable is not None:
            # A placeholder, because the document may demand a value; a group's source ignores it.
            given[self.resume_variable] = ""
        read = get_variable_values(self.schema, definitions, given, max_errors=1, hide_suggestions=True)
        if isinstance(read, list):
            return None
        return GroupKey(
            query=query,
            operation_name=self.operation.name.value if self.operation.name is not None else None,
            variables=orjson.dumps(read.coerced, default=str, option=orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS),
            audience=audience,
            given=given,
        )

    def cost(self, variables: Mapping[str, Any] | None) -> int:
        """Return the points that the operation costs with these variables."""
        return cost_of(self.schema, self.document, self.operation, variables)

    def resumes_from(self, variables: Mapping[str, Any] | None) -> Any:
        """Return the cursor that a subscriber gives, if that is one; None where it gives none."""
        if self.resume_variable is None:
            return self.resume_text
        return (variables or {}).get(self.resume_variable, self.resume_text)

    def starts_now(self, variables: Mapping[str, Any] | None) -> bool:
        """Return whether the subscriber wants the changes from now on, and nothing before them."""
        if self.field in _STATES or (self.resumes and self.resume_variable is None):
            return False
        if self.resume_variable is None:
            return True
        return not self.resumes_always and (variables or {}).get(self.resume_variable) is None


def is_subscription(query: str, operation_name: str | None) -> bool:
    """Return whether the operation is a subscription; False where its document cannot be read."""
    return len(query) <= _LONGEST_CACHED and _kind(query, operation_name) is OperationType.SUBSCRIPTION


def may_write(query: str, operation_name: str | None) -> bool:
    """Return whether the operation is a mutation; True also where its document cannot be read."""
    kind = _kind(query, operation_name) if len(query) <= _LONGEST_CACHED else None
    return kind is None or kind is OperationType.MUTATION


def may_subscribe(query: str, operation_name: str | None) -> bool:
    """Return whether the operation is a subscription, or may be one where its document cannot be read."""
    kind = _kind(query, operation_name) if len(query) <= _LONGEST_CACHED else None
    return kind is OperationType.SUBSCRIPTION or (kind is None and OperationType.SUBSCRIPTION.value in query)


def shared_operation(schema: GraphQLSchema, query: str, operation_name: str | None) -> SharedOperation | None:
    """Return the operation's analysis; None where it cannot be shared or is invalid, which its execution reports."""
    if len(query) > _LONGEST_CACHED:
        return None
    return _analysed(schema, query, operation_name)


@lru_cache(maxsize=_CACHED_DOCUMENTS)
def _analysed(schema: GraphQLSchema, query: str, operation_name: str | None) -> SharedOperation | None:
    document, operation = _document(query), _operation(query, operation_name)
    if document is None or operation is None or operation.operation is not OperationType.SUBSCRIPTION:
        return None
    fields = operation.selection_set.selections
    root = fields[0]
    if len(fields) != 1 or not isinstance(root, FieldNode) or root.name.value not in SHARED_FIELDS:
        return None
    if root.directives or _reaches_viewer(schema, document):
        return None
    resume = next((argument.value for argument in root.arguments or () if argument.name.value == _RESUME), None)
    variable = resume.name.value if isinstance(resume, VariableNode) else None
    if variable is not None and _uses(document, variable) != 1:
        return None
    return SharedOperation(
        field=root.name.value,
        resume_variable=variable,
        resumes=resume is not None,
        schema=schema,
        document=document,
        operation=operation,
        resumes_always=variable is not None and _must_be_asked(operation, variable),
        resume_text=_text_of(resume if variable is None else _default_of(operation, variable)),
    )


@lru_cache(maxsize=_CACHED_KINDS)
def _kind(query: str, operation_name: str | None) -> OperationType | None:
    operation = _operation(query, operation_name)
    return operation.operation if operation is not None else None


@lru_cache(maxsize=_CACHED_DOCUMENTS)
def _document(query: str) -> DocumentNode | None:
    try:
        return parse(query, max_tokens=_MOST_TOKENS, no_location=True)
    except GraphQLError:
        return None


def _operation(query: str, operation_name: str | None) -> OperationDefinitionNode | None:
    document = _document(query)
    return get_operation_ast(document, operation_name) if document is not None else None


class _Fields(Visitor):
    """A visitor that collects every field of a document as `Type.field`, fragments included, in one pass."""

    def __init__(self, types: TypeInfo) -> None:
        super().__init__()
        self._types = types
        self.names: set[str] = set()

    def enter_field(self, node: FieldNode, *_: Any) -> None:
        parent = self._types.get_parent_type()
        if parent is not None:
            self.names.add(f"{parent.name}.{node.name.value}")


def _reaches_viewer(schema: GraphQLSchema, document: DocumentNode) -> bool:
    types = TypeInfo(schema)
    fields = _Fields(types)
    visit(document, TypeInfoVisitor(types, fields))
    return not VIEWER_DEPENDENT_FIELDS.isdisjoint(fields.names)


def _default_of(operation: OperationDefinitionNode, variable: str) -> Any:
    named = [each for each in operation.variable_definitions or () if each.variable.name.value == variable]
    return named[0].default_value if named else None


def _text_of(value: Any) -> str | None:
    return value.value if isinstance(value, StringValueNode) else None


def _must_be_asked(operation: OperationDefinitionNode, variable: str) -> bool:
    """Return whether leaving the variable out is an error or means its default."""
    return any(
        isinstance(definition.type, NonNullTypeNode) or definition.default_value is not None
        for definition in operation.variable_definitions or ()
        if definition.variable.name.value == variable
    )


class _Uses(Visitor):
    def __init__(self, name: str) -> None:
        super().__init__()
        self.name = name
        self.count = 0

    def enter_variable(self, node: VariableNode, *_: Any) -> None:
        self.count += node.name.value == self.name


def _uses(document: DocumentNode, name: str) -> int:
    """Return how often a document uses a variable, without its definition."""
    counter = _Uses(name)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            visit(definition.selection_set, counter)
    return counter.count
