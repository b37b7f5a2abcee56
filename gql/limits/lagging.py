"""The operations that replicas may answer, which lag behind the primary."""

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentSpreadNode,
    InlineFragmentNode,
    OperationDefinitionNode,
    OperationType,
)

from gql.limits.fragments import fragments_of

#: The queries that replicas answer: of what is in the log, so that a cursor names a state of it, or what is the same
#: everywhere. All others, such as those of tokens and secrets, are answered by the primary.
_MAY_LAG = frozenset(
    {
        *("incident", "incidents", "incidentChanges", "incidentEvents", "incidentCounts", "incidentMetrics"),
        *("system", "systems", "activeHealthOverrides", "maintenanceTimes"),
        *("automationRun", "automationRuns", "cursor", "viewer", "rateLimit", "markdown", "__typename"),
        *("actions", "triggers", "artifactTypes", "automationSchema", "automationTemplates", "__schema", "__type"),
    }
)


def may_lag(document: DocumentNode, operation: OperationDefinitionNode) -> bool:
    """Return whether replicas may answer an operation: a query of nothing but what is in the log."""
    if operation.operation is not OperationType.QUERY:
        return False
    fragments, waiting, seen = fragments_of(document), [operation.selection_set], set[str]()
    while waiting:
        for node in waiting.pop().selections:
            if isinstance(node, FieldNode):
                if node.name.value not in _MAY_LAG:
                    return False
            elif isinstance(node, InlineFragmentNode):
                waiting.append(node.selection_set)
            elif isinstance(node, FragmentSpreadNode) and node.name.value not in seen:
                seen.add(node.name.value)
                waiting.append(fragments[node.name.value].selection_set)
    return True
