"""Messages to services by URL: their content, refusals, and URLs that never show."""

import asyncio
import contextlib
import json
import logging

import pytest

from domain.errors import AddressRefusedError, DomainError
from domain.model.channel import Message
from domain.notifications.errors import NotSentError, UnknownServiceError
from domain.notifications.services import Services
from domain.outbound.addresses import AddressRules
from tests.domain.automations.actions.servers import answer, serving
from tests.receiver import closed_url

LOCAL = AddressRules.of(("127.0.0.1",))
MESSAGE = Message(title="Checkout fails", body="INC-1 is critical", id="msg_1")
SECRET = "hunter22"


@pytest.fixture
def services() -> Services:
    return Services(LOCAL, timeout_seconds=20)


async def test_a_message_has_its_title_its_body_and_its_id(services: Services) -> None:
    async with serving(answer(204)) as server:
        await services.send(f"json://u:{SECRET}@127.0.0.1:{server.port}/hook?:team=red", MESSAGE, channel="chat")
    [received] = server.received
    body = json.loads(received.body)
    assert (body["title"], body["message"], body["id"], body["team"]) == (MESSAGE.title, MESSAGE.body, "msg_1", "red")
    assert (received.target, received.headers["idempotency-key"]) == ("/hook", "msg_1")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("json://user:hunter22@127.0.0.1:8080/hunter22?:key=hunter22", ("JSON", "json://127.0.0.1:8080/****")),
        ("jsons://127.0.0.1/hunter22", ("JSON", "jsons://127.0.0.1/****")),
        ("ntfy://hunter22", ("ntfy", "ntfys:///****")),
        ("ntfy://127.0.0.1/hunter22", ("ntfy", "ntfy://127.0.0.1/****")),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", ("Slack", "slack:///****")),
        ("https://hooks.slack.com/services/T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", ("Slack", "slack:///****")),
    ],
)
async def test_a_url_is_shown_by_its_service_and_host(services: Services, url: str, shown: tuple[str, str]) -> None:
    described = await services.describe(url)
    assert (described.service, described.address) == shown


@pytest.mark.parametrize(
    "url",
    [
        "",
        "nothing",
        "carrier-pigeon://hunter22",
        "json://",
        "syslog://",
        "json://127.0.0.1/\nhunter22",
        f"json://127.0.0.1/{'x' * 4000}",
        "slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ?template=/etc/passwd",
        "fcm://project@key/device?keyfile=/etc/passwd",
    ],
)
async def test_an_unknown_or_local_service_is_refused_without_its_url(
    services: Services, url: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(UnknownServiceError) as refused:
        await services.describe(url)
    assert refused.value.field == ["url"]
    assert SECRET not in f"{refused.value!r} {refused.value.__context__} {caplog.text}"
    assert not url or "template" in url or url not in caplog.text


@pytest.mark.parametrize(
    "url",
    [
        "json://127.0.0.1/hook",
        "json://localhost/hook",
        "json://10.1.2.3/hook",
        "json://169.254.169.254/latest",
        "json://[::1]/hook",
        "json://2130706433/hook",
        "ntfy://192.168.0.1/topic",
        "mailto://user:pass@example.com?smtp=10.0.0.1&to=a@example.com",
        "matrix://user:pass@172.16.0.1/%23room",
    ],
)
async def test_an_internal_host_is_refused_when_it_is_saved(url: str) -> None:
    services = Services(AddressRules())
    with pytest.raises(DomainError) as refused:
        await services.describe(url)
    assert isinstance(refused.value, AddressRefusedError)


async def test_an_internal_host_is_refused_when_it_is_sent_to(services: Services) -> None:
    strict = Services(AddressRules())
    async with serving(answer(204)) as server:
        with pytest.raises(AddressRefusedError):
            await strict.send(f"json://127.0.0.1:{server.port}/", MESSAGE, channel="chat")
    assert server.connections == 0


async def test_a_redirect_to_an_internal_address_is_not_connected_to(services: Services) -> None:
    async with serving(answer(307, location="http://127.0.0.2:1/")) as server:
        with pytest.raises(AddressRefusedError):
            await services.send(f"json://127.0.0.1:{server.port}/?redirect=yes", MESSAGE, channel="chat")
    assert len(server.received) == 1


async def test_a_host_that_is_allowed_by_its_name_may_have_any_address() -> None:
    services = Services(AddressRules.of(("localhost",)))
    async with serving(answer(204)) as server:
        await services.send(f"json://localhost:{server.port}/", MESSAGE, channel="chat")
    assert len(server.received) == 1


async def test_a_refusal_has_the_status_and_nothing_of_the_url(
    services: Services, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    async with serving(answer(403, b"hunter22")) as server:
        with pytest.raises(NotSentError, match="The channel 'chat' answered 403") as refused:
            await services.send(f"json://u:{SECRET}@127.0.0.1:{server.port}/{SECRET}", MESSAGE, channel="chat")
    with pytest.raises(NotSentError, match="could not be reached") as unreached:
        await services.send(closed_url(), MESSAGE, channel="chat")
    assert SECRET not in f"{refused.value!r} {unreached.value!r} {caplog.text}"
    assert "correct-horse" not in f"{unreached.value!r} {caplog.text}"


async def test_a_service_that_does_not_answer_is_given_up() -> None:
    services = Services(LOCAL, timeout_seconds=0.2)

    given_up = asyncio.Event()

    async def silent(writer: object) -> None:
        await given_up.wait()

    async with serving(silent) as server:
        with pytest.raises(NotSentError, match=r"within 0\.2 s"):
            await services.send(f"json://127.0.0.1:{server.port}/?rto=60", MESSAGE, channel="chat")
        given_up.set()


async def test_services_that_do_not_answer_keep_no_thread_of_others() -> None:
    services, ended = Services(LOCAL, timeout_seconds=0.5), asyncio.Event()

    async def silent(writer: object) -> None:
        await ended.wait()

    async with serving(silent) as mute, serving(answer(204)) as chat:
        url = f"json://127.0.0.1:{mute.port}/?rto=60"
        sent = await asyncio.gather(
            *(services.send(url, MESSAGE, channel="mute") for _ in range(8)), return_exceptions=True
        )
        assert {type(each) for each in sent} == {NotSentError}
        # On a busy machine half a second is not always enough; those calls would last for half a minute.
        for _ in range(30):
            with contextlib.suppress(NotSentError):
                await services.send(f"json://127.0.0.1:{chat.port}/", MESSAGE, channel="chat")
            if chat.received:
                break
        ended.set()
    assert chat.received
