"""Text search: the same words find the same incidents on both databases."""

from typing import Any

import pytest

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentUpdate, EditIncidentUpdate, UpdateIncident
from domain.model.filters import Field, Not, Operator, Term
from domain.model.incident import Incident
from domain.model.paging import Order, PageRequest
from domain.model.viewer import Audience, Visibility
from domain.persistence.search import search_body, words_of
from tests.factories import ADMIN, make_incident

LONG = "ab" * 50


async def _found(domain: Domain, text: str, audience: Audience = Audience.MANAGER) -> bool:
    tree = Term(Field.TEXT, Operator.EQ, text)
    page = await domain.reads.incident_page(tree, Order(field="created_at"), PageRequest(), audience)
    return len(page.items) == 1


async def _add(domain: Domain, incident: Incident, message: str, **fields: Any) -> str:
    command = AddIncidentUpdate(incident_id=incident.id, message=message, **fields)
    entry = (await domain.timeline.add(ADMIN, command)).value.update
    assert entry is not None
    return entry.id


CASES: dict[str, list[tuple[str, bool]]] = {
    "words": [("checkout", True), ("Checkout fails", True), ("fails checkout", True), ("checkout works", False)],
    "the last word as a prefix": [("check", True), ("checkout fa", True), ("ch fails", False), ("heckout", False)],
    "no stemming": [("fail", True), ("fail checkout", False)],
    "the number people say": [("INC-1", True), ("inc 1", True), ("INC-99", False)],
    "description and timeline": [("noon", True), ("restarted", True), ("checkout restarted", True), ("xyz", False)],
    "folding": [("HAUPTSTRASSE", True), ("hauptstraße", True), ("ﬁre", True), ("FIRE", True), ("ﾃｽﾄ", True)],
    "accents are kept": [("café", True), ("cafe", False), ("cafe\u0301", True)],
    "punctuation separates": [
        ("10.0.0.7", True),
        ("10 0 7", True),
        ("db-eu.west_1", True),
        ("west", True),
        ("db:eu", True),
        ("'; DROP TABLE incidents", False),
    ],
    "operators are words": [("checkout OR fails", False), ('"checkout', True), ("check*", True), ("check:*", True)],
    "scripts without spaces": [
        ("障害", True),
        ("障害発生", True),
        ("発生", False),
        ("недоступен", True),
        ("НЕДОСТУПЕН", True),
    ],
    "no word at all matches nothing": [("", False), ("  ", False), ("!?", False), ("_", False), ("🔥", False)],
    "long words are cut": [(LONG, True), (LONG + "zzz", True), (LONG[:70], True), (LONG[:10], True)],
    "numbers and letters": [("v2", True), ("2", True), ("3beta", True), ("½", True)],
    "a NUL separates": [("checkout\0fails", True)],
    "many words": [("checkout " * 30, True)],
}


@pytest.mark.parametrize("cases", CASES.values(), ids=CASES.keys())
async def test_a_text_finds_an_incident(domain: Domain, cases: list[tuple[str, bool]]) -> None:
    incident = await make_incident(domain, title="Checkout fails in Hauptstraße", description="Since noon, café fire.")
    await _add(domain, incident, f"Restarted 10.0.0.7 and db-eu.west_1: {LONG}")
    await _add(domain, incident, "障害発生中。 Сервис недоступен. テスト v2 3beta ½ 𞤢𞤣𞤤 𐍈")
    assert [(text, await _found(domain, text)) for text, _ in cases] == cases


async def test_letters_newer_than_a_databases_tables_do_no_harm(domain: Domain) -> None:
    await make_incident(domain, title="𞤢𞤣𞤤 ᲐᲑᲒ ꟊ \U0001e900 🔥")
    for text in ("𞤢𞤣𞤤", "ꟊ", "🔥", "\U00016e40"):
        await _found(domain, text)


@pytest.mark.parametrize(
    ("visibility", "expected"),
    [
        (Visibility.PUBLIC, [True, True, True]),
        (Visibility.LOGGED_IN, [False, True, True]),
        (Visibility.INTERNAL, [False, False, True]),
    ],
)
async def test_the_words_of_an_entry_are_found_by_those_who_may_read_it(
    domain: Domain, visibility: Visibility, expected: list[bool]
) -> None:
    incident = await make_incident(domain)
    await _add(domain, incident, "Password leaked", visibility=visibility)
    assert [await _found(domain, "leaked", audience) for audience in Audience] == expected
    assert [await _found(domain, "checkout leaked", audience) for audience in Audience] == expected


async def test_an_edited_entry_is_found_by_its_new_words_and_visibility_only(domain: Domain) -> None:
    incident = await make_incident(domain)
    entry = await _add(domain, incident, "Alpha")
    command = EditIncidentUpdate(id=entry, incident_id=incident.id, message="Beta", visibility=Visibility.INTERNAL)
    await domain.timeline.edit(ADMIN, command)
    assert [await _found(domain, text) for text in ("alpha", "beta")] == [False, True]
    assert not await _found(domain, "beta", Audience.PUBLIC)


async def test_an_entry_is_hidden_from_search_by_its_visibility_alone(domain: Domain) -> None:
    incident = await make_incident(domain)
    entry = await _add(domain, incident, "Alpha")
    await domain.timeline.edit(
        ADMIN, EditIncidentUpdate(id=entry, incident_id=incident.id, visibility=Visibility.INTERNAL)
    )
    assert [await _found(domain, "alpha", audience) for audience in Audience] == [False, False, True]


async def test_a_deleted_entry_is_not_found_any_more(domain: Domain) -> None:
    incident = await make_incident(domain)
    entry = await _add(domain, incident, "Alpha")
    await domain.timeline.delete(ADMIN, update_id=entry, incident_id=incident.id)
    assert not await _found(domain, "alpha")


async def test_a_changed_title_is_found_by_its_new_words_only(domain: Domain) -> None:
    incident = await make_incident(domain, description="Described")
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, title="Payments", description=None))
    assert [await _found(domain, text) for text in ("payments", "checkout", "described")] == [True, False, False]


async def test_a_deleted_incident_leaves_no_words_behind(domain: Domain) -> None:
    incident = await make_incident(domain)
    await _add(domain, incident, "Alpha")
    await domain.incidents.delete(ADMIN, incident.id)
    other = await make_incident(domain, "payments", title="Other")
    assert [await _found(domain, text) for text in ("alpha", "checkout", "other")] == [False, False, True]
    assert other.number == 2


async def test_not_found_by_a_text_is_a_filter_too(domain: Domain) -> None:
    await make_incident(domain)
    tree = Not(Term(Field.TEXT, Operator.EQ, "checkout"))
    assert await domain.reads.incident_count(tree, Audience.PUBLIC) == 0


async def test_the_longest_message_of_different_words_is_stored(domain: Domain) -> None:
    incident = await make_incident(domain)
    await _add(domain, incident, "\ufdfa" * 10_000 + "".join(f"{number:04} " for number in range(2_000)))
    assert await _found(domain, "1999")


def test_words_are_letters_and_digits_folded_and_cut() -> None:
    assert words_of("Die Straße_1: ﬁx-it!") == ["die", "strasse", "1", "fix", "it"]
    assert words_of("x" * 100) == ["x" * 64]


def test_a_stored_text_has_each_word_once_and_is_never_empty() -> None:
    assert search_body("b a B") == "b a"
    assert search_body("...") == "-"
