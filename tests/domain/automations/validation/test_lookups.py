"""Names outside of a definition: a missing secret or system is a warning, a missing token an error."""

from datetime import timedelta
from typing import Any

import pytest

from domain.automations.services.automations import WriteAutomation
from domain.automations.validation import InvalidDefinitionError
from domain.bootstrap import Domain
from domain.model.viewer import Role
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, make_secret, make_system, make_token

CREATED = [{"event": "incident.created"}]


def hook(*names: str) -> dict[str, Any]:
    return {"action": "http.request", "config": {"url": "https://x.example", "headers": {n: f"${{{{ secrets.{n} }}}}" for n in names}}}  # fmt: skip # noqa: E501


async def messages_of(domain: Domain, definition: dict[str, Any]) -> list[tuple[str, str]]:
    problems = await domain.automations.service.problems({"triggers": CREATED, **definition})
    return [(problem.path, problem.severity.value) for problem in problems]


async def test_a_missing_secret_is_a_warning_and_the_definition_is_saved(domain: Domain) -> None:
    await make_secret(domain, "KNOWN", "value")
    definition = {"triggers": CREATED, "actions": [hook("KNOWN", "LATER")]}
    saved = await domain.automations.service.create(ADMIN, WriteAutomation(name="hooks", definition=definition))
    assert saved.value is not None
    assert [(each.path, each.severity) for each in saved.warnings] == [("actions[0].config.headers.LATER", "warning")]
    await make_secret(domain, "LATER", "value")
    assert await messages_of(domain, definition) == []


@on_one_database
async def test_a_missing_system_is_a_warning_wherever_named(domain: Domain) -> None:
    await make_system(domain)
    opened = {"title": "x", "severity": "major", "systemIds": ["payments", "nope", "{{ trigger.payload.title }}"]}
    definition = {
        "uses_state": ["payments", "nope"],
        "conditions": [{"not": {"state": {"entity": "nope", "status": "healthy"}}}],
        "actions": [
            {"wait_until": {"condition": "health.systems['nope'].status == 'healthy'"}},
            {"wait_until": {"condition": "health.systems.payments.status == 'healthy'"}},
            {"id": "open", "action": "incident.create", "config": opened},
        ],
    }
    assert await messages_of(domain, definition) == [
        (path, "warning")
        for path in (
            "uses_state[1]",
            "actions[2].config.systemIds[1]",
            "conditions[0].not.state.entity",
            "actions[0].wait_until.condition",
        )
    ]


@on_one_database
async def test_a_token_to_run_as_has_to_be_valid_and_may_write(domain: Domain, clock: Any) -> None:
    soon = clock.now() + timedelta(hours=1)
    tokens = {
        "none": ("tok_none", "error"),
        "viewer": ((await make_token(domain, role=Role.VIEWER))[0].id, "error"),
        "responder": ((await make_token(domain, role=Role.RESPONDER))[0].id, None),
        "over": ((await make_token(domain, role=Role.RESPONDER, expires_at=soon))[0].id, "error"),
    }
    clock.moment += timedelta(hours=2)
    for case, (token_id, severity) in tokens.items():
        expected = [] if severity is None else [("run_as", severity)]
        assert await messages_of(domain, {"run_as": token_id, "actions": []}) == expected, case


@on_one_database
async def test_errors_come_before_warnings_and_refuse_the_definition(domain: Domain) -> None:
    definition = {"triggers": CREATED, "actions": [hook("LATER")], "run_as": "tok_none"}
    with pytest.raises(InvalidDefinitionError, match=r"^run_as: ") as refused:
        await domain.automations.service.create(ADMIN, WriteAutomation(name="hooks", definition=definition))
    assert [problem.severity for problem in refused.value.problems] == ["error", "warning"]


async def test_thousands_of_names_are_looked_up_in_a_fixed_number_of_statements(
    domain: Domain, count_statements: Any
) -> None:
    names = [f"S{number}" for number in range(900)]
    with count_statements() as statements:
        problems = await messages_of(domain, {"actions": [hook(*names[i : i + 50]) for i in range(0, 900, 50)], "uses_state": names[:50]})  # fmt: skip # noqa: E501
    assert len(problems) == 100
    assert len([text for text in statements if "SELECT" in text]) == 2


@on_one_database
async def test_any_number_of_warnings_alone_refuses_nothing(domain: Domain) -> None:
    actions = [hook(*(f"S{number}" for number in range(start, start + 50))) for start in range(0, 150, 50)]
    definition = {"triggers": CREATED, "actions": actions}
    saved = await domain.automations.service.create(ADMIN, WriteAutomation(name="hooks", definition=definition))
    assert {problem.severity for problem in saved.warnings} == {"warning"}
    assert saved.warnings[-1].message == "There are 51 more problems."
