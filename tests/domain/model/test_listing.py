"""Live lists in memory: what changes make of a list is what it would be from the beginning, forwards and backwards."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from domain.model.actor import Actor, ActorType
from domain.model.change import Change, ChangeAction
from domain.model.filters import EVERYTHING, AllOf, Field, Operator, Term, matches
from domain.model.incident import Severity
from domain.model.incident_listing import IncidentListing
from domain.model.listing import Edit, Entry, Window, edits_between
from domain.model.paging import Order
from tests.examples import examples

BY = Actor(type=ActorType.SYSTEM, id="x")
SERIOUS = Term(Field.SEVERITY, Operator.GTE, Severity.MAJOR)
TEXT = Term(Field.TEXT, Operator.EQ, "word")
Facts = Mapping[str, Any]
#: The version of each incident that there was, and its state; None where it is deleted. No version comes twice.
Stored = dict[str, tuple[int, Facts | None]]

listings = st.builds(
    IncidentListing,
    tree=st.sampled_from([EVERYTHING, SERIOUS]),
    order=st.builds(Order, field=st.sampled_from(["severity", "number"]), descending=st.booleans()),
    size=st.integers(1, 4),
)
#: What becomes of an incident: None where it is deleted.
states = st.none() | st.builds(
    lambda severity, number: {"severity": severity, "number": number},
    st.sampled_from([each.value for each in Severity]),
    st.integers(1, 3),
)
writes = st.lists(st.tuples(st.sampled_from("abcdefg"), states), max_size=25)


@examples(300)
@given(listing=listings, log=writes)
def test_a_list_kept_by_changes_is_the_list_read_anew(
    listing: IncidentListing, log: list[tuple[str, Facts | None]]
) -> None:
    stored: Stored = {}
    window = Window(position=0)
    shown: list[str] = []
    past = [window]
    changes = []
    for seq, (identifier, after) in enumerate(log, start=1):
        changes.append(change := _written(stored, seq, identifier, after))
        expected = _read(stored, listing, seq)
        kept = window.after(change, listing)
        assert kept is None or kept == expected
        assert kept is not None or window.below, "a list that is known as a whole is never read again"
        shown = _applied(shown, edits_between(window.entries, expected.entries))
        assert shown == [entry.id for entry in expected.entries]
        window = expected
        past.append(expected)
    for seq, former in enumerate(past):
        since = changes[seq:]
        more = len({change.entity_id for change in since})
        whole = _read(stored, listing, len(log), more=more)
        assert whole.before(since, listing, position=seq, departed={}) == former
        jump = edits_between(former.entries, window.entries)
        assert _applied([entry.id for entry in former.entries], jump) == [entry.id for entry in window.entries]
        assert len({edit.id for edit in jump}) == len(jump), "nothing is touched twice"


@examples(100)
@given(listing=listings, log=writes)
def test_items_that_did_not_change_are_in_no_edit(
    listing: IncidentListing, log: list[tuple[str, Facts | None]]
) -> None:
    stored: Stored = {}
    former = Window(position=0)
    for seq, (identifier, after) in enumerate(log, start=1):
        _written(stored, seq, identifier, after)
        window = _read(stored, listing, seq)
        same = {(each.id, each.version) for each in former.entries} & {(e.id, e.version) for e in window.entries}
        assert {edit.id for edit in edits_between(former.entries, window.entries)}.isdisjoint(dict(same))
        former = window


def test_what_states_do_not_have_is_asked_of_the_database() -> None:
    stored: Stored = {}
    change = _written(stored, 1, "a", {"severity": "major", "number": 1})
    listing = IncidentListing(tree=AllOf((TEXT, SERIOUS)), order=Order(field="number"), size=3)

    assert Window(position=0).after(change, listing) is None
    assert Window(position=1).before([change], listing, position=0, departed={}) is None
    assert listing.recorded_tree == AllOf((AllOf(), SERIOUS))


def _written(stored: Stored, seq: int, identifier: str, after: Facts | None) -> Change:
    """Write a state of an incident, or a deletion, and return the change."""
    version, before = stored.get(identifier, (0, None))
    stored[identifier] = version + 1, after
    return Change(
        id=f"chg_{seq}",
        kind="incident",
        entity_id=identifier,
        version=version + 1,
        action=ChangeAction.UPDATED,
        prev=None,
        next=None,
        changed_fields=(),
        delta={},
        before=before,
        after=after,
        actor=BY,
        occurred_at=datetime(2026, 1, 1, tzinfo=UTC),
        seq=seq,
    )


def _read(stored: Stored, listing: IncidentListing, seq: int, *, more: int = 0) -> Window:
    """Return what the database would show."""
    found: list[Entry] = [
        Entry(identifier, version, listing.place(identifier, facts))
        for identifier, (version, facts) in stored.items()
        if facts is not None and matches(listing.tree, facts)
    ]
    found.sort(key=lambda entry: entry.place)
    return Window(position=seq, entries=tuple(found[: listing.size + more]), total=len(found))


def _applied(shown: list[str], edits: list[Edit]) -> list[str]:
    """Apply edits as clients do."""
    shown = list(shown)
    for edit in edits:
        assert (shown.index(edit.id) if edit.id in shown else None) == edit.previous_index
        shown = [identifier for identifier in shown if identifier != edit.id]
        if edit.index is not None:
            shown.insert(edit.index, edit.id)
    return shown
