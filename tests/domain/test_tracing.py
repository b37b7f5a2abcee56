"""Trace contexts as text."""

import pytest

from domain.entities.origin import traced
from domain.model.actor import Cause
from domain.tracing import SpanKind, checked_traceparent, current_trace, span_of, trace_id, within

GOOD = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
CASES = {
    GOOD: GOOD,
    f"cc{GOOD[2:]}-what-later-versions-add": GOOD,
    f"{GOOD}-more": None,
    f"ff{GOOD[2:]}": None,
    GOOD.upper(): None,
    GOOD.replace("00f067aa0ba902b7", "0" * 16): None,
    GOOD.replace("4bf92f3577b34da6a3ce929d0e0e4736", "0" * 32): None,
    f" {GOOD}": None,
    f"{GOOD}\n": None,
    "": None,
}


@pytest.mark.parametrize("text", CASES, ids=ascii)
def test_only_a_trace_context_is_taken_for_one(text: str) -> None:
    assert checked_traceparent(text) == CASES[text]
    assert checked_traceparent(None) is None


def test_without_a_tracer_a_block_is_a_part_of_its_caller_s_trace() -> None:
    with span_of(None, "write", kind=SpanKind.INTERNAL, parent=GOOD) as span:
        assert span is None
        assert trace_id() == "4bf92f3577b34da6a3ce929d0e0e4736"
        assert traced(Cause(depth=2)) == Cause(depth=2, traceparent=GOOD)
    assert current_trace.get() is None
    assert traced(Cause()) == Cause()


def test_a_cause_keeps_its_trace_in_the_log_and_old_causes_have_none() -> None:
    cause = Cause(run_id="run_1", traceparent=GOOD)
    assert Cause.from_json(cause.as_json()) == cause
    assert "traceparent" not in Cause(run_id="run_1").as_json()


def test_a_block_within_another_goes_back_to_its_trace() -> None:
    other = GOOD.replace("4bf9", "5bf9")
    with within(GOOD):
        with within(other):
            assert current_trace.get() == other
        assert current_trace.get() == GOOD
