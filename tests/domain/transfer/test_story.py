"""The story of an incident in Markdown."""

from datetime import timedelta, timezone

from domain.bootstrap import Domain
from domain.model.actor import Actor, ActorType
from domain.model.change import Transition
from domain.model.histories import IncidentHistory
from domain.model.incident import IncidentLink, IncidentUpdate, Status
from domain.model.viewer import Visibility
from domain.transfer.story import markdown_of
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.domain.transfer.test_spreadsheet import BEGAN, INCIDENT
from tests.domain.transfer.world import lively

AMINA = Actor(type=ActorType.USER, id="usr_1", name="Amina_*")


def update(minutes: int, message: str, status: Status | None = None, **fields: Visibility) -> IncidentUpdate:
    return IncidentUpdate(
        id=f"upd_{minutes}",
        incident_id="inc_1",
        message=message,
        status_change=status,
        visibility=fields.get("visibility", Visibility.PUBLIC),
        created_at=(BEGAN + timedelta(minutes=minutes)).astimezone(timezone(timedelta(hours=2))),
        created_by=AMINA,
    )


def test_a_story_is_told_in_the_order_of_time_with_the_zone() -> None:
    link = IncidentLink(
        id="lnk_1",
        incident_id="inc_1",
        label="Graphs",
        url="https://example.com/d?a=1",
        visibility=Visibility.PUBLIC,
        created_at=BEGAN + timedelta(minutes=4),
    )
    step = Transition(
        id=1,
        change_id="chg_1",
        kind="incident",
        entity_id="inc_1",
        field="severity",
        from_value="minor",
        to_value="major",
        occurred_at=BEGAN + timedelta(minutes=5),
    )
    history = IncidentHistory(
        incident=INCIDENT,
        updates=[update(9, "Over", Status.RESOLVED), update(3, "First\nSecond", visibility=Visibility.INTERNAL)],
        links=[link],
        transitions=[step],
    )
    assert markdown_of(history, {"sys_a": "Login", "sys_b": "Payments"}) == (
        """# INC-42: Orders "hang", everywhere

- Status: resolved
- Severity: major
- Systems: Login, Payments
- Began: 2026-03-01 09:00:00 UTC
- Resolved: 2026-03-02 15:00:00 UTC, after 30 h
- Labels: team=money

## Timeline

- **2026-03-01 09:03:00 UTC** (Amina\\_\\*) *internal*

  First\\
  Second

- **2026-03-01 09:04:00 UTC** Link
  Graphs: <https://example.com/d?a=1>
- **2026-03-01 09:05:00 UTC** Severity minor → major
- **2026-03-01 09:09:00 UTC** Resolved (Amina\\_\\*)

  Over

"""
    )


def test_a_text_cannot_become_markup() -> None:
    message = "# A\n- b\n1. c\n<script>\n![x](y) `z` | a & b"
    story = markdown_of(IncidentHistory(incident=INCIDENT, updates=[update(1, message)]), {})
    lines = [line.strip() for line in story.partition("## Timeline")[2].splitlines()]
    assert lines[4:9] == [
        "\\# A\\",
        "\\- b\\",
        "1\\. c\\",
        "\\<script\\>\\",
        "\\!\\[x\\](y) \\`z\\` \\| a \\& b",
    ]


@on_one_database
async def test_the_story_of_one_incident_is_found_by_its_number(domain: Domain, clock: SteppingClock) -> None:
    await lively(domain, clock)
    story = markdown_of(*await domain.transfer.exports.incident(1))
    assert story.startswith("# INC-1: Zahlungen: 50 % schlagen fehl\n\n- Status: identified\n")
    assert "- Lead: Amina Ö.\n" in story
