"""Subscriptions of visitors: confirmed by the owner of an address, ended by one link, and known to nobody else."""

import asyncio
from contextlib import suppress
from dataclasses import replace

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from domain.bootstrap import Domain, running_domain
from domain.errors import InvalidInputError, NotFoundError, UnknownSystemError, UnsupportedError
from domain.model.visitor import VisitorKind, VisitorState
from domain.outbound.addresses import Address
from domain.persistence.unit_of_work import ReadSession
from domain.persistence.visitor_tables import (
    visitor_deliveries,
    visitor_former_links,
    visitor_requests,
    visitor_subscriptions,
)
from domain.services.upkeep import Upkeep
from domain.settings import Settings
from domain.visitors.errors import TooManyAskedError
from domain.visitors.service import Subscribe
from tests.conftest import SteppingClock
from tests.domain.dialects import on_one_database
from tests.domain.visitors.mailbox import Mailbox
from tests.domain.visitors.making import ANN, ask, deliver, join, join_hook, queued, subscriptions
from tests.domain.webhooks.receiver import receiving
from tests.domain.webhooks.sending import Names
from tests.factories import ADMIN, make_incident, make_system
from tests.inside import inside


def asked(address: str = ANN, *systems: str, network: str = "") -> Subscribe:
    """Return a wish for mail."""
    return Subscribe(kind=VisitorKind.MAIL, address=address, systems=systems, network=network)


async def leave_token(domain: Domain) -> str:
    """Return the token by which the only subscription ends."""
    [found] = await subscriptions(domain)
    return (await domain.visitors.service._seals.open(found)).leave


@on_one_database
async def test_a_confirmation_can_be_followed_twice(domain: Domain, box: Mailbox, clock: SteppingClock) -> None:
    await ask(domain)
    token = box.received[0].link("confirm")
    service = domain.visitors.service
    assert (await subscriptions(domain))[0].state is VisitorState.PENDING
    assert await service.offered_by(token) == []
    assert await service.confirm(token)
    [first] = await subscriptions(domain)
    clock.advance(hours=1)
    assert await service.confirm(token)
    assert (await subscriptions(domain), first.state) == ([first], VisitorState.CONFIRMED)


@on_one_database
async def test_nothing_is_confirmed_by_another_token_or_too_late(
    domain: Domain, box: Mailbox, clock: SteppingClock
) -> None:
    await ask(domain)
    token = box.received[0].link("confirm")
    service = domain.visitors.service
    for wrong in ("", "nonsense", token[:-1], f"{token}a", "ä" * 43, "\0", "a" * 20_000):
        assert await service.offered_by(wrong) is None
        assert not await service.confirm(wrong)
        assert not await service.leave(wrong)
    clock.advance(hours=24)
    assert await service.offered_by(token) is None
    assert not await service.confirm(token)
    assert (await subscriptions(domain))[0].state is VisitorState.PENDING


async def test_what_nobody_confirms_is_deleted_after_a_day(domain: Domain, box: Mailbox, clock: SteppingClock) -> None:
    await ask(domain)
    await join(domain, box, "ben@example.org")
    upkeep = Upkeep(database=inside(domain).database, clock=clock, event_retention_days=0)
    clock.advance(hours=23)
    await upkeep.run_once()
    assert len(await subscriptions(domain)) == 2
    clock.advance(hours=1)
    await upkeep.run_once()
    [left] = await subscriptions(domain)
    assert left.state is VisitorState.CONFIRMED


async def test_two_who_ask_for_one_address_at_once_make_one_subscription(domain: Domain, box: Mailbox) -> None:
    service = domain.visitors.service
    await asyncio.gather(*(service.subscribe(asked(text)) for text in (ANN, "Ann@Example.ORG", f" {ANN} ", ANN)))
    await domain.visitors.deliverer.run_pending()
    assert (len(await subscriptions(domain)), len(box.received)) == (1, 1)


@on_one_database
async def test_an_address_is_asked_ever_more_rarely_until_it_is_confirmed(
    domain: Domain, box: Mailbox, clock: SteppingClock
) -> None:
    await ask(domain)
    for minutes in (10, 20, 40, 80):
        clock.advance(minutes=minutes - 1)
        before = len(box.received)
        await ask(domain)
        assert len(box.received) == before
        clock.advance(minutes=1)
        await ask(domain)
        assert len(box.received) == before + 1
    # The same link in each: the first one stays good.
    assert len({mail.link("confirm") for mail in box.received}) == 1
    assert len({mail.id for mail in box.received}) == 5
    assert await domain.visitors.service.confirm(box.received[0].link("confirm"))


@on_one_database
@pytest.mark.parametrize("other", ["ann+1@example.org", "ANN@EXAMPLE.ORG", "ann+status+2@example.org"])
async def test_other_spellings_lead_to_no_more_mails_in_one_mailbox(
    domain: Domain, box: Mailbox, clock: SteppingClock, other: str
) -> None:
    await ask(domain)
    await ask(domain, other)
    assert len(box.received) == 1
    clock.advance(minutes=10)
    await ask(domain, other)
    assert len(box.received) == 2


async def test_a_server_takes_so_many_requests_in_an_hour_also_at_once(
    domain: Domain, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.visitors.asking.MOST_IN_AN_HOUR", 3)
    service = domain.visitors.service
    every = [asked(f"visitor{number}@example.org", network=str(number)) for number in range(6)]
    answers = await asyncio.gather(*(service.subscribe(each) for each in every), return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["NoneType"] * 3 + ["TooManyAskedError"] * 3
    assert len(await subscriptions(domain)) == 3
    clock.advance(hours=1)
    await service.subscribe(asked())
    assert len(await subscriptions(domain)) == 4


@on_one_database
async def test_no_network_shuts_others_out_and_none_learns_which_address_is_known(
    settings: Settings, clock: SteppingClock, box: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("domain.visitors.asking.MOST_OF_NETWORK", 4)
    monkeypatch.setattr("domain.visitors.making.resolve_apart", Names("10.0.0.7").resolve)
    of_inside = Subscribe(kind=VisitorKind.WEBHOOK, address="http://payroll.intra.example/", network="eve")
    async with running_domain(settings, clock=clock) as domain:
        await join(domain, box)
        service = domain.visitors.service
        for each in (asked(network="eve"), asked("eve@example.org", network="eve"), asked(network="eve"), of_inside):
            await service.subscribe(each)
        # Whether something was sent does not show in what is left.
        for each in (asked(network="eve"), asked("more@example.org", network="eve"), of_inside):
            with pytest.raises(TooManyAskedError):
                await service.subscribe(each)
        await service.subscribe(asked("ben@example.org", network="ben"))
        assert len(await subscriptions(domain)) == 3


@on_one_database
async def test_a_mailbox_is_asked_ever_more_rarely_whatever_is_behind_the_plus(
    domain: Domain, box: Mailbox, clock: SteppingClock
) -> None:
    names = (f"ann+{number}@example.org" for number in range(100))

    async def sent() -> int:
        before = len(box.received)
        await asyncio.gather(*(domain.visitors.service.subscribe(asked(next(names))) for _ in range(3)))
        await domain.visitors.deliverer.run_pending()
        return len(box.received) - before

    assert await sent() == 1
    for minutes in (10, 20, 40, 80):
        clock.advance(minutes=minutes - 1)
        assert await sent() == 0
        clock.advance(minutes=1)
        assert await sent() == 1


@on_one_database
async def test_a_link_confirms_what_it_was_sent_for(domain: Domain, box: Mailbox, clock: SteppingClock) -> None:
    ids = [(await make_system(domain, key)).id for key in ("payments", "search")]
    service = domain.visitors.service
    await ask(domain, ANN, "payments")
    clock.advance(minutes=10)
    # Anybody may ask for anything.
    await ask(domain, ANN, "search")
    first, second = box.received
    assert ("about Payments" in first.text, "about Search" in second.text) == (True, True)
    assert [await service.offered_by(mail.link("confirm")) for mail in box.received] == [["Payments"], ["Search"]]
    for mail, system_id in zip(box.received, ids, strict=True):
        assert await service.confirm(mail.link("confirm"))
        assert [each.system_ids for each in await subscriptions(domain)] == [(system_id,)]
    clock.advance(hours=23, minutes=50)
    assert [await service.confirm(mail.link("confirm")) for mail in box.received] == [False, True]
    assert await service.leave(await leave_token(domain))
    assert not await service.confirm(second.link("confirm"))


async def test_links_and_counts_are_deleted_once_they_are_over(
    domain: Domain, box: Mailbox, clock: SteppingClock
) -> None:
    await make_system(domain)
    await join(domain, box)
    clock.advance(minutes=10)
    await ask(domain, ANN, "payments")
    clock.advance(hours=25)
    await Upkeep(database=inside(domain).database, clock=clock, event_retention_days=0).run_once()

    async def left(session: ReadSession) -> list[int]:
        count = sa.func.count()
        tables = (visitor_former_links, visitor_requests)
        connection = session.visitors._connection
        return [await connection.scalar(sa.select(count).select_from(table)) or 0 for table in tables]

    assert await inside(domain).database.read(left) == [0, 0]


@on_one_database
async def test_other_systems_are_chosen_by_another_confirmation(
    domain: Domain, box: Mailbox, clock: SteppingClock
) -> None:
    for key in ("payments", "search"):
        await make_system(domain, key)
    await join(domain, box, ANN, "payments")
    clock.advance(hours=1)
    await ask(domain, ANN, "search")
    await make_incident(domain, "search", title="Too early")
    await deliver(domain)
    # Who asks is not yet who owns the address.
    assert box.subjects == ["Please confirm your subscription"]
    await domain.visitors.service.confirm(box.received.pop().link("confirm"))
    await make_incident(domain, "search", title="In time")
    await make_incident(domain, "payments", title="Not any more")
    await deliver(domain)
    assert box.subjects == ["New incident: In time"]


async def test_nothing_in_the_database_says_who_the_visitors_are(domain: Domain, box: Mailbox) -> None:
    await join(domain, box)
    async with receiving() as receiver:
        secret = await join_hook(domain, receiver)

    async def stored(session: ReadSession) -> str:
        rows = [
            list(await session.visitors._connection.execute(sa.select(table)))
            for table in (visitor_subscriptions, visitor_deliveries, visitor_requests)
        ]
        return repr(rows)

    text = await inside(domain).database.read(stored)
    for hidden in ("ann", "example.org", receiver.url, secret, "127.0.0.1"):
        assert hidden not in text
    assert len(await subscriptions(domain)) == 2


@on_one_database
async def test_an_address_is_found_under_a_former_key(settings: Settings, box: Mailbox, clock: SteppingClock) -> None:
    async with running_domain(settings, clock=clock) as domain:
        await join(domain, box)
    clock.advance(hours=1)
    rotated = replace(settings, secret_key=f"{Fernet.generate_key().decode()},{settings.secret_key}")
    async with running_domain(rotated, clock=clock) as domain:
        await ask(domain)
        assert (len(await subscriptions(domain)), len(box.received)) == (1, 1)
        await domain.visitors.service.delete_address(ADMIN, "ANN@example.org")
        assert await subscriptions(domain) == []


@on_one_database
async def test_an_admin_sees_enough_of_an_address_and_removes_it_by_its_text(domain: Domain, box: Mailbox) -> None:
    await join(domain, box)
    async with receiving() as receiver:
        await join_hook(domain, receiver)
        service = domain.visitors.service
        shown = await service.get_many([each.id for each in await subscriptions(domain)])
        port = receiver.url.rpartition(":")[2].partition("/")[0]
        assert sorted(str(each.address) for each in shown.values()) == [
            "a***@example.org",
            f"http://127.0.0.1:{port}/***",
        ]
        assert await service.count() == 2
        await service.delete_address(ADMIN, ANN)
        await service.delete_address(ADMIN, receiver.url)
    assert await service.count() == 0
    with pytest.raises(NotFoundError) as failure:
        await service.delete_address(ADMIN, ANN)
    assert ANN not in failure.value.message
    with pytest.raises(InvalidInputError):
        await service.delete_address(ADMIN, "no address")


@on_one_database
@pytest.mark.parametrize(
    "address",
    [
        *("", "ann", "ann@", "@example.org", "ann@localhost", "a b@example.org", "ann@example.org\nBcc: b@c.example"),
        *("ann@127.0.0.1", "ann@[127.0.0.1]", "<ann@example.org>", "ann@exämple.org", f"{'a' * 65}@example.org"),
        *("=?utf-8?q?Ann=2C?=@example.org", "=?utf-8?q?a=0D=0ABcc=3A_b=40c.example?=@example.org"),
        *("bac\u212a@example.org", "ann@e\u017fample.org", "\u0131@example.org"),
        *(f"ann@{'a.' * 20_000}org", "ann@example..org", "ann@-example.org", f"ann@{'abc.' * 70}org"),
    ],
)
async def test_what_is_no_mail_address_is_refused(domain: Domain, address: str) -> None:
    with pytest.raises(InvalidInputError) as failure:
        await domain.visitors.service.subscribe(asked(address))
    assert failure.value.field == ["email"]


@on_one_database
@pytest.mark.parametrize(
    "url",
    [
        *("hooks.example.com", "ftp://hooks.example.com/", "https://", "https://ann:secret@hooks.example.com/"),
        *(
            "http://10.0.0.1/hook",
            "http://localhost/",
            "http://0x7f000001/",
            "http://[::1]/",
            "http://169.254.169.254/",
        ),
        *("http://mail.example.com:25/", "https://example.com:0/", "http://example.com:993/hook"),
        *("https://hooks.example.com/#here", f"https://hooks.example.com/{'a' * 2_000}"),
    ],
)
async def test_a_url_that_may_not_be_called_is_refused(settings: Settings, clock: SteppingClock, url: str) -> None:
    # What admins allow themselves, they do not allow everybody.
    careful = replace(settings, visitor_http_allow=(), http_allow=("10.0.0.0/8", "127.0.0.0/8", "localhost"))
    async with running_domain(careful, clock=clock) as domain:
        with pytest.raises(InvalidInputError) as failure:
            await domain.visitors.service.subscribe(Subscribe(kind=VisitorKind.WEBHOOK, address=url))
        assert failure.value.field == ["webhook"]
        assert "INCIDENTQL" not in failure.value.message


@on_one_database
async def test_names_of_the_inside_are_accepted_like_others_and_sent_nothing(
    settings: Settings, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Names("10.0.0.7")
    monkeypatch.setattr("domain.visitors.making.resolve_apart", names.resolve)
    async with running_domain(settings, clock=clock) as domain:
        await ask(domain, "http://payroll.intra.example/hook")
        assert (await subscriptions(domain), await queued(domain)) == ([], 0)


@on_one_database
async def test_no_name_is_looked_up_for_those_over_their_limit(
    settings: Settings, clock: SteppingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_up: list[str] = []

    async def never(host: str, _port: int) -> list[Address]:
        looked_up.append(host)
        raise OSError("no such name")

    monkeypatch.setattr("domain.visitors.making.resolve_apart", never)
    monkeypatch.setattr("domain.visitors.asking.MOST_OF_NETWORK", 2)
    async with running_domain(settings, clock=clock) as domain:
        for number in range(4):
            wanted = Subscribe(kind=VisitorKind.WEBHOOK, address=f"https://{number}.example/", network="eve")
            with suppress(TooManyAskedError):
                await domain.visitors.service.subscribe(wanted)
    # A thread for each, for as long as a name server is silent, would soon be all of them.
    assert looked_up == ["0.example", "1.example"]


@on_one_database
async def test_systems_have_to_exist(domain: Domain) -> None:
    await make_system(domain)
    with pytest.raises(UnknownSystemError) as failure:
        await domain.visitors.service.subscribe(asked(ANN, "payments", "nowhere"))
    assert failure.value.field == ["systems", "1"]
    with pytest.raises(InvalidInputError):
        await domain.visitors.service.subscribe(asked(ANN, *["payments"] * 101))


@on_one_database
@pytest.mark.parametrize(
    ("changes", "kinds"),
    [
        ({}, {VisitorKind.MAIL, VisitorKind.WEBHOOK}),
        ({"mail_url": None}, {VisitorKind.WEBHOOK}),
        ({"visitor_webhooks": False}, {VisitorKind.MAIL}),
        ({"mail_url": None, "public_url": None}, set()),
        ({"anonymous_access": False}, set()),
    ],
    ids=["all", "no mail server", "no webhooks", "no address for links", "nothing is public"],
)
async def test_the_settings_say_what_visitors_can_have(
    settings: Settings, clock: SteppingClock, changes: dict[str, object], kinds: set[VisitorKind]
) -> None:
    async with running_domain(replace(settings, **changes), clock=clock) as domain:  # type: ignore[arg-type]
        assert set(domain.visitors.kinds()) == kinds
        if VisitorKind.MAIL not in kinds:
            with pytest.raises(UnsupportedError):
                await domain.visitors.service.subscribe(asked())
