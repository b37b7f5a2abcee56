"""Text search: the same words find the same incidents on both databases."""

from typing import Any

import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentUpdate, EditIncidentUpdate, UpdateIncident
from domain.model.filters import Field, Not, Operator, Term
from domain.model.incident import Incident
from domain.model.paging import Order, PageRequest
from domain.model.viewer import Audience, Visibility
from domain.model.words import query_of
from domain.persistence.dialects import query_of_word, word_condition
from domain.persistence.search import search_body
from domain.persistence.tables import search_entries
from tests.factories import ADMIN, make_incident
from tests.inside import inside

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
    "accents make no difference": [
        ("café", True),
        ("cafe", True),
        ("cafe\u0301", True),
        ("CAFÉ", True),
        ("cafè", True),
    ],
    "letters with a stroke": [("lodz", True), ("Łódź", True), ("ŁÓDŹ", True)],
    "Turkish i with a dot and without": [("istanbul", True), ("İSTANBUL", True), ("ıstanbul", True), ("isik", True)],
    "Greek and Cyrillic": [("ελλαδα", True), ("ΕΛΛΆΔΑ", True), ("елка", True), ("Ёлка", True)],
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
        ("発生", True),
        ("害発", True),
        ("害", True),
        ("中", True),
        ("障害中", False),
        ("発障", False),
        ("害 発", True),
        ("東", False),
        ("недоступен", True),
        ("НЕДОСТУПЕН", True),
    ],
    "Kana": [("テス", True), ("ﾃｽﾄ", True), ("スト", True), ("ト", True), ("トス", False), ("か\u3099す", True)],
    "Thai and Khmer": [("ภาษา", True), ("ษาไท", True), ("ไทย", True), ("ไทก", False), ("ខ្មែរ", True)],
    "Korean with what it puts behind a noun": [("결제", True), ("결제 실패", True), ("제가", True), ("결실", False)],
    "Hindi with its vowel signs": [("हिन्दी", True), ("हिन", True), ("नद", False), ("हनद", False), ("घटना हिन्दी", True)],
    "Arabic and Hebrew": [("می\u200cخواهم", True), ("میخواهم", True), ("שלום", True)],
    "emoji": [
        ("🔥", True),
        ("🔥 noon", True),
        ("🔥\ufe0f", True),
        ("👍", True),
        ("👍🏿", True),
        ("👨\u200d👩\u200d👧", True),
        ("👩", True),
        ("🇩🇪", True),
        ("🇪🇩", False),
        ("🇩🇪🇫🇷", True),
        ("🚀", False),
        ("\U0001fae8", True),
    ],
    "no word at all matches nothing": [
        ("", False),
        ("  ", False),
        ("!?", False),
        ("_", False),
        ("\u200b\u0301", False),
    ],
    "long words are cut": [(LONG, True), (LONG + "zzz", True), (LONG[:70], True), (LONG[:10], True)],
    "numbers and letters": [("v2", True), ("2", True), ("3beta", True), ("½", True)],
    "a NUL separates": [("checkout\0fails", True)],
    "many words": [("checkout " * 30, True), (" ".join(["checkout", "fails", "in", "noon"] * 9), True)],
    "words behind the tenth": [("checkout fails in hauptstrasse since noon cafe fire inc 1 since nowhere", False)],
}


async def test_a_text_finds_an_incident(domain: Domain) -> None:
    incident = await make_incident(domain, title="Checkout fails in Hauptstraße", description="Since noon, café fire.")
    await _add(domain, incident, f"Restarted 10.0.0.7 and db-eu.west_1: {LONG}")
    await _add(domain, incident, "障害発生中。 Сервис недоступен. テスト v2 3beta ½ 𞤢𞤣𞤤 𐍈")
    await _add(domain, incident, "ภาษาไทย ខ្មែរ 결제가 실패했다 हिन्दी में घटना می\u200cخواهم שלום")
    await _add(domain, incident, "Łódź İstanbul IŞIK Ελλάδα ёлка がす")
    await _add(domain, incident, "🔥\ufe0f👍🏽 👨\u200d👩\u200d👧 🇩🇪🇫🇷 \U0001fae8")
    found = {name: [(text, await _found(domain, text)) for text, _ in cases] for name, cases in CASES.items()}
    assert found == CASES


async def test_letters_unknown_to_the_database_are_still_found(domain: Domain) -> None:
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
async def test_the_words_of_an_entry_are_found_by_audiences_that_may_read_the_entry(
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
    await _add(domain, incident, "".join(f"{number:04} " for number in range(2_000)) + "\ufdfa" * 15_000)
    await _add(domain, incident, "".join(map(chr, range(0x4E00, 0x4E00 + 20_000))) + "\u33ff" * 5_000)
    await _add(domain, incident, "".join(f"{chr(0x1D400 + number % 500)}x\u0489 " for number in range(6_250)))
    assert [await _found(domain, text) for text in ("1999", "一丁", "\u9c1f", "gal")] == [True] * 4


async def test_parts_of_a_word_without_spaces_stand_in_one_text(domain: Domain) -> None:
    incident = await make_incident(domain, title="東京")
    await _add(domain, incident, "京都")
    assert [await _found(domain, text) for text in ("東京 京都", "東京都")] == [True, False]


async def test_a_hidden_text_is_not_found_by_any_of_its_words(domain: Domain) -> None:
    incident = await make_incident(domain, title="Public")
    await _add(domain, incident, "秘密🔥 geheim", visibility=Visibility.INTERNAL)
    for text in ("秘", "秘密", "密", "🔥", "geheim", "public 密"):
        assert [await _found(domain, text, audience) for audience in Audience] == [False, False, True]


def test_a_stored_text_has_each_word_once_and_is_never_empty() -> None:
    assert search_body("b a B") == "b a"
    assert search_body("...") == "-"


async def test_words_are_looked_up_in_their_index(domain: Domain) -> None:
    async with inside(domain).database._engines.reader.connect() as connection:
        for word in query_of("check 障害発 fails"):
            condition = word_condition(connection.dialect, query_of_word(connection.dialect, word))
            statement = sa.select(search_entries.c.incident_id).where(condition)
            text = str(statement.compile(connection.sync_engine, compile_kwargs={"literal_binds": True}))
            explain, index = "EXPLAIN QUERY PLAN ", "VIRTUAL TABLE INDEX"
            if not inside(domain).database.is_sqlite:
                explain, index = "EXPLAIN ", "Bitmap Index Scan on ix_search_entries_words"
                # An empty table is read whole; whether the index could be used is the question.
                await connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
            plan = await connection.execute(sa.text(explain + text.replace(":", r"\:")))
            assert index in str(plan.all())
