"""The schema: committed, described, and compatible with the last release."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    build_schema,
    find_breaking_changes,
    is_introspection_type,
    is_specified_scalar_type,
)

from gql.schema import schema, sdl

ROOT = Path(__file__).parents[2]
COMMITTED = ROOT / "schema.graphql"
#: What the last release promised to its clients; written anew with each release, and never in between.
RELEASED = ROOT / "tests" / "schema" / "released.graphql"


def breaking_changes(old: str, new: str) -> list[str]:
    """Return the changes that break clients of the old schema."""
    return sorted(change.description for change in find_breaking_changes(build_schema(old), build_schema(new)))


def test_the_committed_schema_is_the_one_that_the_code_builds() -> None:
    assert COMMITTED.read_text() == sdl(), "run: python -m gql.cli schema > schema.graphql"


def test_the_schema_breaks_no_client_of_the_last_release() -> None:
    assert breaking_changes(RELEASED.read_text(), sdl()) == []


#: Changes to a line of the schema, and a word of the change that is found.
BREAKING = [
    ("  reference: String!\n", "", "Incident.reference was removed"),
    ("  number: Int!\n", "  number: String!\n", "changed type"),
    ("  CRITICAL\n", "", "CRITICAL was removed"),
    ("input DeleteSystemInput {", "input DeleteSystemInput {\n  sure: Boolean!", "sure"),
    ("  incident(\n", "  incident(\n    really: Boolean!\n", "really"),
]
ADDITIONS = [
    ("  number: Int!\n", "  number: Int!\n  nickname: String\n"),
    ("  CRITICAL\n", "  CRITICAL\n  APOCALYPTIC\n"),
    ("input DeleteSystemInput {", "input DeleteSystemInput {\n  reason: String"),
    ("  reference: String!\n", '  reference: String! @deprecated(reason: "Use number.")\n'),
]


def test_the_gate_refuses_each_breaking_change() -> None:
    bare = _bare(sdl())
    found = breaking_changes(bare, _changed(bare, [(before, after) for before, after, _ in BREAKING]))
    assert [[text for text in found if word in text] != [] for *_, word in BREAKING] == [True] * len(BREAKING)
    assert [text for text in found if not any(word in text for *_, word in BREAKING)] == []


def test_the_gate_accepts_additions() -> None:
    bare = _bare(sdl())
    assert breaking_changes(bare, _changed(bare, ADDITIONS)) == []


def test_everything_in_the_schema_is_described() -> None:
    silent = [name for name, description in _described(schema._schema) if not (description or "").strip()]
    assert silent == []


def test_a_description_is_a_sentence() -> None:
    unfinished = [name for name, text in _described(schema._schema) if not (text or "").endswith((".", "`."))]
    assert unfinished == []


def test_no_input_has_a_default_of_null() -> None:
    assert "= null" not in sdl()


def test_every_mutation_has_one_input_and_a_separate_payload() -> None:
    mutations = schema._schema.mutation_type
    assert mutations is not None
    for name, field in mutations.fields.items():
        noun = f"{name[0].upper()}{name[1:]}"
        assert {argument: str(value.type) for argument, value in field.args.items()} == {"input": f"{noun}Input!"}
        assert str(field.type) == f"{noun}Payload!"


def test_every_payload_has_user_errors_and_a_cursor() -> None:
    payloads = [
        type for name, type in schema._schema.type_map.items() if name.endswith("Payload") and name != "Payload"
    ]
    assert len(payloads) == 60
    for payload in payloads:
        assert isinstance(payload, GraphQLObjectType)
        assert [interface.name for interface in payload.interfaces] == ["Payload"]


def test_every_list_is_a_connection_or_bounded() -> None:
    # The bound of each of these is in its description or follows from its type.
    bounded = {
        "Query.nodes",
        "Query.maintenanceTimes",
        "Query.triggers",
        "Query.actions",
        "Query.artifactTypes",
        "Query.automationTemplates",
        "Action.consumes",
        "AutomationValidation.problems",
        "AutomationRunChange.changedFields",
        "AuditEntry.changes",
        "Query.activeHealthOverrides",
        "Integration.maskedFields",
        "VisitorSubscription.systemIds",
        "IntegrationDelivery.incidentIds",
        "Query.incidentCounts",
        "Query.incidentMetrics",
        "IncidentMetrics.points",
        "System.healthHistory",
        "System.uptime",
        "SystemHealthChange.systems",
        "Incident.systems",
        "Incident.assignees",
        "IncidentListUpdate.changes",
        "SystemListUpdate.changes",
        "Incident.labels",
        "IncidentTransition.fromSystemIds",
        "IncidentTransition.toSystemIds",
        "IncidentUpdate.editHistory",
        "Explanation.start",
        "Explanation.changes",
        "Explanation.runs",
        "Explanation.edges",
        "ExplainedChange.events",
        "DryRun.runs",
        "DryRun.incidents",
        "DryRun.skips",
        "DryRun.omissions",
        "PredictedRun.steps",
        "IncidentDiff.changes",
        "PredictedChange.fields",
        "PredictedChange.messages",
        "SystemHealth.overrides",
        "System.maintenance",
        "Maintenance.systems",
        "Maintenance.updates",
        "IncidentEvent.changedFields",
        "IncidentChange.changedFields",
        "Subscription.incidentCounts",
        "Viewer.visibilities",
        "Viewer.systems",
        "ApiToken.systems",
        "UserError.field",
    }
    lists = {
        f"{type.name}.{name}"
        for type in schema._schema.type_map.values()
        if isinstance(type, GraphQLObjectType) and not is_introspection_type(type)
        for name, field in type.fields.items()
        if "[" in str(field.type) and not type.name.endswith(("Connection", "Payload"))
    }
    assert lists == bounded


def _described(built: GraphQLSchema) -> Iterator[tuple[str, str | None]]:
    for type in built.type_map.values():
        if is_introspection_type(type) or is_specified_scalar_type(type):
            continue
        yield type.name, type.description
        if isinstance(type, GraphQLEnumType):
            yield from ((f"{type.name}.{name}", member.description) for name, member in type.values.items())
        if isinstance(type, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            yield from ((f"{type.name}.{name}", field.description) for name, field in type.fields.items())
        if isinstance(type, GraphQLObjectType | GraphQLInterfaceType):
            for name, field in type.fields.items():
                yield from ((f"{type.name}.{name}({each}:)", item.description) for each, item in field.args.items())


def _changed(text: str, replacements: Sequence[tuple[str, str]]) -> str:
    for before, after in replacements:
        assert before in text
        text = text.replace(before, after, 1)
    return text


def _bare(text: str) -> str:
    """Return the schema without its descriptions, so that a test can replace a line of it."""
    lines, quoted = [], False
    for line in text.splitlines():
        quotes = line.count('"""')
        if not quotes and not quoted and line.strip():
            lines.append(line)
        quoted = quoted is not (quotes % 2 == 1)
    return "\n".join(lines) + "\n"
