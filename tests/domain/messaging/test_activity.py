"""Polls that rest while nothing happens in the database."""

from typing import cast

from domain.messaging.activity import Activity
from domain.messaging.tail import LogTail


class Moved:
    """A tail, as far as polls see it, and the time."""

    def __init__(self) -> None:
        self.moves = 0
        self.seconds = 0.0

    def activity(self) -> Activity:
        """Return the activity as a new poll sees it, which rests for half a minute."""
        return Activity(cast("LogTail", self), rest_seconds=30.0, elapsed=lambda: self.seconds)


def test_the_first_poll_is_due() -> None:
    assert Moved().activity().is_due()


def test_a_poll_is_due_while_the_database_moves_and_for_a_while_afterwards() -> None:
    tail = Moved()
    activity = tail.activity()
    due = []
    for second in range(30):
        tail.seconds = second
        tail.moves += second == 15
        due.append(activity.is_due())
    assert [second for second in range(30) if not due[second]] == [11, 12, 13, 14, *range(26, 30)]


def test_a_poll_that_rests_is_due_once_in_a_while() -> None:
    tail = Moved()
    activity = tail.activity()
    due = []
    for second in range(100):
        tail.seconds = second
        if activity.is_due():
            due.append(second)
    assert due[11:] == [40, 70]


def test_each_poll_has_its_own_view_of_what_has_moved() -> None:
    tail = Moved()
    one, other = tail.activity(), tail.activity()
    assert one.is_due()
    tail.seconds = 20
    assert (one.is_due(), other.is_due()) == (False, True)
