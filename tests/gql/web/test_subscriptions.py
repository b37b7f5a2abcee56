"""The routes by which visitors subscribe, confirm and leave, as forms, mail programs and scripts call them."""

import re
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.bootstrap import Domain, running_domain
from domain.settings import Settings
from gql.app import create_app
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.domain.visitors.mailbox import Mailbox, mailbox
from tests.domain.visitors.making import ANN, deliver, join, subscriptions
from tests.factories import make_incident, make_system

PAGE = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
FORM = {"content-type": "application/x-www-form-urlencoded"}
ONE_CLICK: dict[str, Any] = {"content": b"List-Unsubscribe=One-Click", "headers": FORM}


@pytest.fixture
async def box() -> AsyncIterator[Mailbox]:
    """Yield a mail server."""
    async with mailbox() as running:
        yield running


@pytest.fixture
def settings(settings: Settings, box: Mailbox) -> Settings:
    """Return settings with which visitors can subscribe by mail."""
    return replace(
        settings,
        public_url="https://status.example.com/base",
        public_name="A & B",
        mail_url=f"smtp://127.0.0.1:{box.port}",
        mail_from="status@example.com",
    )


@pytest.fixture
async def http(domain: Domain) -> AsyncIterator[httpx.AsyncClient]:
    """Yield a client without a token."""
    transport = httpx.ASGITransport(app=create_app(domain))
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as client:
        yield client


async def test_a_visitor_subscribes_by_a_form_confirms_and_leaves(
    domain: Domain, http: httpx.AsyncClient, box: Mailbox
) -> None:
    await make_system(domain)
    await domain.visitors.changes.register()
    form = {"email": ANN, "webhook": "", "systems": ["payments"]}
    asked = await http.post("/subscriptions", data=form, headers=PAGE)
    assert (asked.status_code, "Nearly done" in asked.text) == (202, True)
    await domain.visitors.deliverer.run_pending()
    confirm = f"/subscriptions/confirm?token={box.received.pop().link('confirm')}"
    page = await http.get(confirm, headers=PAGE)
    assert '<form method="post"><button>Yes, subscribe</button></form>' in page.text
    assert (await http.post(confirm, headers=PAGE)).status_code == 200
    await make_incident(domain)
    await deliver(domain)
    leave = f"/subscriptions/leave?token={box.received[0].link('leave')}"
    assert "<button>Yes, leave</button>" in (await http.get(leave, headers=PAGE)).text
    assert "You have left" in (await http.post(leave, headers=PAGE)).text
    assert await subscriptions(domain) == []


async def test_a_program_subscribes_by_json(domain: Domain, http: httpx.AsyncClient, box: Mailbox) -> None:
    asked = await http.post("/subscriptions", json={"email": ANN})
    assert (asked.status_code, asked.json()["status"]) == (202, "asked")
    await domain.visitors.deliverer.run_pending()
    token = box.received[0].link("confirm")
    confirmed = await http.post("/subscriptions/confirm", params={"token": token})
    assert (confirmed.status_code, confirmed.json()["status"]) == (200, "confirmed")


@on_one_database
async def test_no_answer_says_whether_an_address_is_known(
    domain: Domain, http: httpx.AsyncClient, box: Mailbox
) -> None:
    await join(domain, box)
    answers = [await http.post("/subscriptions", json={"email": email}) for email in (ANN, "ben@example.org")]
    known, unknown = ((answer.status_code, answer.content) for answer in answers)
    assert known == unknown


async def test_a_link_that_is_only_looked_at_changes_nothing(
    domain: Domain, http: httpx.AsyncClient, box: Mailbox
) -> None:
    await join(domain, box)
    await make_incident(domain)
    await deliver(domain)
    leave = f"/subscriptions/leave?token={box.received[0].link('leave')}"
    for method in ("GET", "HEAD"):
        assert (await http.request(method, leave)).status_code == 200
    assert len(await subscriptions(domain)) == 1


async def test_a_mail_program_leaves_by_one_click_and_may_do_so_again(
    domain: Domain, http: httpx.AsyncClient, box: Mailbox
) -> None:
    await join(domain, box)
    await make_incident(domain)
    await deliver(domain)
    url = str(box.received[0].message["List-Unsubscribe"]).strip("<>")
    path = url.removeprefix("https://status.example.com/base")
    statuses = [(await http.post(path, **ONE_CLICK)).status_code for _ in range(2)]
    assert (statuses, await subscriptions(domain)) == ([200, 200], [])


@on_one_database
@pytest.mark.parametrize("token", ["", "?token=", "?token=nonsense", f"?token={'a' * 20_000}", "?token=%00"])
async def test_a_link_that_is_not_good_says_so(http: httpx.AsyncClient, token: str) -> None:
    for method in ("GET", "POST"):
        answer = await http.request(method, f"/subscriptions/confirm{token}", headers=PAGE)
        assert (answer.status_code, "no longer good" in answer.text) == (404, True)
        assert (await http.request(method, f"/subscriptions/leave{token}", headers=PAGE)).status_code == 200


@on_one_database
async def test_pages_run_nothing_leak_nothing_and_work_below_any_path(
    domain: Domain, http: httpx.AsyncClient, box: Mailbox
) -> None:
    await domain.visitors.changes.register()
    await http.post("/subscriptions", json={"email": ANN})
    await domain.visitors.deliverer.run_pending()
    page = await http.get("/subscriptions/confirm", params={"token": box.received[0].link("confirm")})
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert ("script" in page.text, "unsafe" in policy, "form-action 'self'" in policy) == (False, False, True)
    assert page.headers["referrer-policy"] == "no-referrer"
    assert page.headers["cache-control"] == "no-store"
    assert "A &amp; B" in page.text
    # Nothing begins with a slash or a host: a proxy may serve it under a path of its own.
    assert re.findall(r'(?:href|action|src)="([^"]*)"', page.text) == ["../status"]


@on_one_database
@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, ["email"]),
        ({"email": ANN, "webhook": "https://hooks.example.com/"}, ["email"]),
        ({"email": "ann"}, ["email"]),
        ({"email": 7}, ["email"]),
        ({"webhook": "http://10.0.0.1/"}, ["webhook"]),
        ({"email": ANN, "systems": "payments"}, ["systems"]),
        ({"email": ANN, "systems": ["nowhere"]}, ["systems", "0"]),
        ({"email": ANN, "name": "Ann"}, ["name"]),
        ([], None),
        ("text", None),
    ],
)
async def test_bad_input_is_refused_with_its_field(http: httpx.AsyncClient, body: Any, field: list[str] | None) -> None:
    answer = await http.post("/subscriptions", json=body)
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["extensions"].get("field")) == (400, field)


@on_one_database
async def test_a_form_with_an_error_is_answered_with_a_page(http: httpx.AsyncClient) -> None:
    answer = await http.post("/subscriptions", data={"email": "<script>alert(1)</script>"}, headers=PAGE)
    assert (answer.status_code, "That did not work" in answer.text) == (400, True)
    assert answer.headers["content-type"].startswith("text/html")
    assert "<script" not in answer.text


@on_one_database
async def test_other_methods_types_and_sizes_are_refused(http: httpx.AsyncClient) -> None:
    assert (await http.get("/subscriptions")).status_code == 405
    assert (await http.put("/subscriptions/leave")).status_code == 405
    plain = await http.post("/subscriptions", content=b"email=a@b.example", headers={"content-type": "text/plain"})
    assert plain.status_code == 415
    assert (await http.post("/subscriptions", json={"email": "a" * 20_000})).status_code == 413
    many = "&".join(["systems=a"] * 300).encode()
    assert (await http.post("/subscriptions", content=many, headers=FORM)).status_code == 400


@on_one_database
async def test_a_page_names_what_its_link_confirms(domain: Domain, http: httpx.AsyncClient, box: Mailbox) -> None:
    await make_system(domain, "payments", name="<b>Pay & Go")
    await http.post("/subscriptions", json={"email": ANN, "systems": ["payments"]})
    await domain.visitors.deliverer.run_pending()
    page = await http.get("/subscriptions/confirm", params={"token": box.received[0].link("confirm")})
    assert "Messages about &lt;b&gt;Pay &amp; Go. You can leave at any time." in page.text


@on_one_database
async def test_addresses_of_one_network_are_limited_together(domain: Domain, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("domain.visitors.asking.MOST_OF_NETWORK", 2)
    statuses = []
    for number, host in enumerate(("2001:db8:1:1::1", "2001:db8:1:ffff::2", "2001:db8:1:3::3", "2001:db8:2::1")):
        transport = httpx.ASGITransport(app=create_app(domain), client=(host, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as http:
            answer = await http.post("/subscriptions", json={"email": f"a{number}@b.example"})
        statuses.append(answer.status_code)
        # At the next full hour.
        assert ("retry-after" in answer.headers) is (answer.status_code == 429)
    assert statuses == [202, 202, 429, 202]


@on_one_database
async def test_one_caller_cannot_have_many_mails_sent(settings: Settings, box: Mailbox, clock: SteppingClock) -> None:
    async with running_domain(replace(settings, rate_limit=100_000), clock=clock) as domain:
        clock.step = timedelta()
        transport = httpx.ASGITransport(app=create_app(domain))
        async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as http:
            statuses = [
                (await http.post("/subscriptions", json={"email": f"ann{number}@example.org"})).status_code
                for number in range(6)
            ]
            page = await http.post("/subscriptions", data={"email": ANN}, headers=PAGE)
        await domain.visitors.deliverer.run_pending()
    assert (statuses, len(box.received)) == ([202, 202, 202, 429, 429, 429], 3)
    assert (page.status_code, "retry-after" in page.headers) == (429, True)
    assert page.headers["content-type"].startswith("text/html")


@on_one_database
async def test_everybody_may_leave_also_where_the_public_may_read_nothing(
    settings: Settings, box: Mailbox, clock: SteppingClock
) -> None:
    async with running_domain(settings, clock=clock) as domain:
        await join(domain, box)
        await make_incident(domain)
        await deliver(domain)
    async with running_domain(replace(settings, anonymous_access=False), clock=clock) as domain:
        transport = httpx.ASGITransport(app=create_app(domain))
        async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as http:
            asked = await http.post("/subscriptions", json={"email": ANN})
            assert asked.status_code == 401
            left = await http.post(f"/subscriptions/leave?token={box.received[0].link('leave')}", **ONE_CLICK)
        assert (left.status_code, await subscriptions(domain)) == (200, [])


@on_one_database
async def test_a_server_without_a_mail_server_says_so(settings: Settings, clock: SteppingClock) -> None:
    async with running_domain(replace(settings, mail_url=None), clock=clock) as domain:
        transport = httpx.ASGITransport(app=create_app(domain))
        async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as http:
            answer = await http.post("/subscriptions", json={"email": ANN})
    [error] = answer.json()["errors"]
    assert (answer.status_code, error["extensions"]["code"]) == (400, "UNSUPPORTED")
