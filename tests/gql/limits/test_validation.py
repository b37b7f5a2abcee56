"""Validation in stages: how much of what is wrong is reported, with which hints, and who runs in between."""

import asyncio
from typing import Any

import pytest
from graphql import ASTValidationRule, TypeInfo, ValidationContext, build_schema, parse, specified_rules
from graphql.language.ast import QUERY_DOCUMENT_KEYS
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from domain.settings import Settings
from gql.limits.bounds import Bounds
from gql.limits.rules import quick
from gql.limits.texts import TextsRule
from gql.limits.validation import CloseTypeNames, validated

SCHEMA = build_schema(
    """
    type Query { leaf: Int thing(first: Int, text: String): Thing }
    type Thing { name: String }
    enum Colour1 { RED } enum Colour2 { RED } enum Colour3 { RED } enum Colour4 { RED } enum Colour5 { RED }
    enum Colour6 { RED }
    """
)
OPEN, CLOSED = (Bounds.of(Settings(introspection=introspection)) for introspection in (True, False))


async def messages(document: str, *, bounds: Bounds = OPEN, long: bool = False) -> list[str]:
    return [error.message for error in await validated(SCHEMA, parse(document), bounds, long=long)]


@pytest.mark.parametrize("long", [False, True])
async def test_of_many_wrong_fields_ten_are_reported_and_two_with_suggestions(long: bool) -> None:
    found = await messages(" ".join(["{", *(f"leaf{number}" for number in range(12)), "}"]), long=long)
    assert found[-1].startswith("Too many validation errors")
    assert [message.partition("'")[2].partition("'")[0] for message in found[:-1]] == [f"leaf{n}" for n in range(10)]
    assert ["Did you mean 'leaf'" in message for message in found] == [True] * 2 + [False] * 9


async def test_of_many_wrong_values_three_are_reported() -> None:
    found = await messages(" ".join(["{", *(f"a{number}: thing(first: true) {{ name }}" for number in range(5)), "}"]))
    assert [message.startswith("Int cannot represent") for message in found] == [True] * 3 + [False]
    assert found[3].startswith("Too many validation errors")


async def test_fields_that_are_wrong_hide_no_values_that_are_wrong() -> None:
    wrong_field, wrong_value = await messages("{ leef thing(first: true) { name } }")
    assert (wrong_field.startswith("Cannot query field"), wrong_value.startswith("Int cannot")) == (True, True)


async def test_variables_are_checked_in_documents_that_are_valid_otherwise() -> None:
    [unused] = await messages("query ($a: Int) { leaf }")
    [unknown] = await messages("{ thing(first: $a) { name } }")
    [misplaced] = await messages("query ($a: String) { thing(first: $a) { name } }")
    assert ("never used" in unused, "not defined" in unknown, "expecting type 'Int'" in misplaced) == (True,) * 3
    [field] = await messages("query ($a: Int) { leef }")
    assert field.startswith("Cannot query field")


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        pytest.param("Thingy", " Did you mean 'Thing'?", id="one is close"),
        pytest.param(
            "Colour", " Did you mean 'Colour2', 'Colour3', 'Colour4', 'Colour5', or 'Colour6'?", id="six are close"
        ),
        pytest.param("Elephant", "", id="none is close"),
    ],
)
async def test_an_unknown_type_is_reported_with_up_to_five_close_names(name: str, hint: str) -> None:
    document = f"query ($a: {name}) {{ leaf @skip(if: $a) }}"
    [message, *_] = await messages(document)
    assert message == f"Unknown type '{name}'.{hint}"
    [message, *_] = await messages(document, bounds=CLOSED)
    assert message == f"Unknown type '{name}'."


async def test_a_known_type_is_no_error() -> None:
    assert await messages("{ thing { ... on Thing { name } } }") == []


async def test_without_introspection_no_description_and_no_hint_is_given() -> None:
    assert await messages("{ __schema { description } }") == []
    found = await messages("{ __schema { description } }", bounds=CLOSED)
    assert found
    assert all("introspection has been disabled" in message for message in found)
    [message] = await messages("{ leef }", bounds=CLOSED)
    assert message == "Cannot query field 'leef' on type 'Query'."
    [message] = await messages('{ thing(first: "one") { name } }', bounds=CLOSED)
    assert "cannot represent" in message
    [message] = await messages("query ($a: Int) { leaf }", bounds=CLOSED)
    assert "never used" in message


@pytest.mark.parametrize(
    ("document", "turns"),
    [
        pytest.param("{ leaf }", 3, id="a valid document"),
        pytest.param("{ leef }", 4, id="a wrong field, for which names are compared"),
    ],
)
async def test_others_run_between_the_stages_of_a_long_document(document: str, turns: int) -> None:
    assert await _turns_of_others(document, long=True) == turns
    assert await _turns_of_others(document, long=False) == 0


async def _turns_of_others(document: str, *, long: bool) -> int:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    running = asyncio.create_task(others())
    await validated(SCHEMA, parse(document), OPEN, long=long)
    running.cancel()
    return turns


@pytest.mark.parametrize(
    "rule",
    [*specified_rules, CloseTypeNames, MaybeNullValidationRule, OneOfInputValidationRule, TextsRule],
    ids=lambda rule: rule.__name__,
)
def test_a_quick_rule_has_the_methods_that_the_library_finds(rule: type[ASTValidationRule]) -> None:
    context = ValidationContext(SCHEMA, parse("{ leaf }"), TypeInfo(SCHEMA), lambda _: None)
    quicker = quick(rule)
    for one, other in ((rule(context), quicker(context)), (rule(context), quicker(context))):
        for kind in QUERY_DOCUMENT_KEYS:
            assert _methods(other, kind) == _methods(one, kind)
            assert all(owner is other for owner in _owners(other, kind))


def _methods(rule: ASTValidationRule, kind: str) -> list[Any]:
    return [getattr(method, "__func__", method) for method in rule.get_enter_leave_for_kind(kind)]


def _owners(rule: ASTValidationRule, kind: str) -> list[Any]:
    methods: tuple[Any, ...] = rule.get_enter_leave_for_kind(kind)
    return [method.__self__ for method in methods if hasattr(method, "__self__")]
