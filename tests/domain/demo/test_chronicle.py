"""The changes of stories beside those that the handle of incidents records."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st

from domain.clock import Clock
from domain.demo.chronicle import changes_of
from domain.demo.history import Historian
from domain.entities.derivers import DeriverRegistry
from domain.entities.handle import Applied
from domain.entities.incident import INCIDENT, snapshot_of
from domain.entities.kinds import KINDS, registry_of
from domain.entities.masking import SecretMasker
from domain.entities.origin import Origin
from domain.model.change import Change, Transition
from domain.persistence.changes import change_row
from tests.examples import examples

NOW = datetime(2026, 3, 1, 9, 0, tzinfo=UTC)
SYSTEMS = {"sys_a": "Payments", "sys_b": "Login", "sys_c": "Search", "sys_d": "E-mail"}
HANDLE = registry_of(KINDS, clock=Clock(), derivers=DeriverRegistry(), masker=SecretMasker()).handle(INCIDENT)
quick = examples(40)


@quick
@given(seed=st.integers(0, 1 << 30), days=st.sampled_from([1, 240]))
def test_changes_of_stories_are_to_the_byte_those_that_the_handle_records(seed: int, days: int) -> None:
    historian = Historian(SYSTEMS, seed=seed)
    for number, start in enumerate(historian.starts(10, now=NOW, days=days), start=1):
        story = historian.story(number, start, now=NOW)
        recorded = list(changes_of(story))
        assert len(recorded) == len(story)
        for step, (change, transitions) in zip(story, recorded, strict=True):
            before = None if step.before is None else snapshot_of(step.before)
            applied = Applied(after=snapshot_of(step.after), touched=step.touched)
            expected = HANDLE.replay(step.after.id, before, applied, origin=Origin(actor=step.actor), at=step.at)
            assert expected is not None
            assert change.payload is None or change.payload["changeId"] == change.id
            assert spelled(change, transitions) == spelled(*expected)


def spelled(change: Change, transitions: Any) -> bytes:
    """Return all that is stored, under an id that does not differ."""
    same = replace(change, id="chg", payload=change.payload and {**change.payload, "changeId": "chg"})
    steps: list[Transition] = [replace(step, change_id="chg") for step in transitions]
    return orjson.dumps([change_row(same), steps])
