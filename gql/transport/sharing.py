"""Which subscriptions can be executed once for many sockets, and what tells one such group from another."""

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
from gql.limits.variables import unreadable

#: The root fields whose events depend on nothing of the caller but the audience, and the role that each needs.
SHARED_FIELDS = {
    name: pushed.needs for pushed in PUSHED.values() if pushed is not None for name in (pushed.state, *pushed.log)
}
#: Those of them that begin with the present state of something.
_STATES = frozenset(pushed.state for pushed in PUSHED.values() if pushed is not None)
#: Fields that depend on the very caller, as `Type.field`; an operation with one of them is executed for each caller.
VIEWER_DEPENDENT_FIELDS = frozenset({"Query.viewer"})
_RESUME = "after"
#: Of documents and of what was found out about them; both hold on to syntax trees, of 60 bytes a character.
_CACHED_DOCUMENTS = 64
#: Of such answers as hold on to nothing but the text.
_CACHED_KINDS = 256
_LONGEST_CACHED = 20_000
#: Larger documents are not shared; whether they may run at all is decided elsewhere.
_MOST_TOKENS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupKey:
    """All that a shared execution depends on."""

    query: str
    operation_name: str | None
    #: Those that are declared, coerced to their types and with their defaults.
    variables: bytes
    audience: Audience
    #: What to execute it with: the same, as the first one gave it.
    given: Mapping[str, Any] = field(compare=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class SharedOperation:
    """A subscription that can be shared."""

    field: str
    #: The variable that says where to go on, if one does; it is each subscriber's own.
    resume_variable: str | None
    resumes: bool
    schema: GraphQLSchema
    operation: OperationDefinitionNode
    #: Whether the variable must be given, or stands for something when it is not.
    resumes_always: bool = False

    @property
    def needs(self) -> Role:
        """The role that whoever joins must have."""
        return SHARED_FIELDS[self.field]

    def key(self, query: str, variables: Mapping[str, Any] | None, audience: Audience) -> GroupKey | None:
        """The group that this subscriber belongs to; None where its variables are wrong, as its execution will say."""
        if unreadable(self.schema, self.operation, variables):
            return None
        definitions = self.operation.variable_definitions or ()
        declared = {definition.variable.name.value for definition in definitions}
        given = {name: value for name, value in (variables or {}).items() if name in declared}
        if self.resume_variable is not None:
            # Something, because the document may demand it; a group's source does not look at it.
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

    def starts_now(self, variables: Mapping[str, Any] | None) -> bool:
        """Whether the subscriber wants what happens from now on, and nothing before that."""
        if self.field in _STATES or (self.resumes and self.resume_variable is None):
            return False
        if self.resume_variable is None:
            return True
        return not self.resumes_always and (variables or {}).get(self.resume_variable) is None


def is_subscription(query: str, operation_name: str | None) -> bool:
    """Whether the operation is a subscription, as far as its document can be read."""
    return len(query) <= _LONGEST_CACHED and _kind(query, operation_name) is OperationType.SUBSCRIPTION


def may_write(query: str, operation_name: str | None) -> bool:
    """Whether the operation is a mutation, or may be one for all that can be read of its document."""
    kind = _kind(query, operation_name) if len(query) <= _LONGEST_CACHED else None
    return kind is None or kind is OperationType.MUTATION


def may_subscribe(query: str, operation_name: str | None) -> bool:
    """Whether the operation is a subscription, or may be one for all that can be read of its document."""
    kind = _kind(query, operation_name) if len(query) <= _LONGEST_CACHED else None
    return kind is OperationType.SUBSCRIPTION or (kind is None and OperationType.SUBSCRIPTION.value in query)


def shared_operation(schema: GraphQLSchema, query: str, operation_name: str | None) -> SharedOperation | None:
    """How this operation can be shared; None where it cannot, or is not even valid, which its execution will say."""
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
        operation=operation,
        resumes_always=variable is not None and _must_be_asked(operation, variable),
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
    """Gathers every field of a document as `Type.field`, in one pass however fragments hang together."""

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


def _must_be_asked(operation: OperationDefinitionNode, variable: str) -> bool:
    """Whether leaving the variable out is an error, or means its default."""
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
    """How often a document uses a variable; definitions, whose own variable does not count, are left out."""
    counter = _Uses(name)
    for definition in document.definitions:
        if isinstance(definition, OperationDefinitionNode | FragmentDefinitionNode):
            visit(definition.selection_set, counter)
    return counter.count
