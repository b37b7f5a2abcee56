"""Texts in Markdown as HTML, and previews of them."""

from domain.bootstrap import Domain
from domain.model.commands import AddIncidentUpdate
from tests.client import Api
from tests.factories import ADMIN, make_incident, make_maintenance, make_system

PREVIEW = "query Q($text: String!) { markdown(text: $text) }"
INCIDENT = "query Q($id: ID!) { incident(id: $id) { descriptionHtml updates { nodes { messageHtml } } } }"
MAINTENANCE = "{ maintenances { nodes { descriptionHtml } } }"


async def test_a_preview_is_what_will_be_shown(api: Api, domain: Domain) -> None:
    incident = await make_incident(domain)
    text = "We **roll back** <script>"
    await domain.timeline.add(ADMIN, AddIncidentUpdate(incident_id=incident.id, message=text))
    preview = (await api.anonymous.read(PREVIEW, text=text))["markdown"]
    shown = (await api.anonymous.read(INCIDENT, id=incident.id))["incident"]
    assert preview == "<p>We <strong>roll back</strong> &lt;script&gt;</p>\n"
    assert shown == {"descriptionHtml": None, "updates": {"nodes": [{"messageHtml": preview}]}}


async def test_descriptions_of_maintenance_are_shown_as_html(api: Api, domain: Domain) -> None:
    system = await make_system(domain, "payments")
    await make_maintenance(domain, system.id, description="*New* disks")
    [found] = (await api.anonymous.read(MAINTENANCE))["maintenances"]["nodes"]
    assert found["descriptionHtml"] == "<p><em>New</em> disks</p>\n"


async def test_a_text_that_is_blank_or_too_long_is_refused(api: Api) -> None:
    for text in (" ", "a" * 25_001):
        error = await api.anonymous.error(PREVIEW, text=text)
        assert (error["code"], error["field"]) == ("BAD_USER_INPUT", ["text"])


async def test_a_preview_costs_what_the_longest_text_takes(api: Api) -> None:
    answer = await api.anonymous.send(PREVIEW, text="short")
    assert answer["extensions"]["cost"]["requested"] == 200
