"""The servers that automations may call."""

from ipaddress import ip_address

import pytest

from domain.automations.actions.http import HttpRequestConfig, HttpSender
from domain.errors import AddressRefusedError, InvalidInputError, RequestFailedError, StartupError
from domain.outbound.addresses import AddressRules, is_public
from domain.outbound.transport import resolve_host
from tests.domain.automations.actions.calling import Names, make_caller
from tests.domain.automations.actions.servers import answer, as_json, serving

INTERNAL = [
    *("0.0.0.0", "10.1.2.3", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1"),
    *("198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
    *("::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8"),
    *("64:ff9b:1::1", "100::1", "2001::1", "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1"),
    *("fd12:3456::1", "fe80::1", "fe80::1%eth0", "2606:4700::1%eth0", "fec0::1", "ff02::1"),
]
PUBLIC = ["8.8.8.8", "1.1.1.1", "172.15.0.1", "172.32.0.1", "100.128.0.1", "2606:4700:4700::1111", "2a00:1450::1"]
HOSTILE = [
    *("http://127.0.0.1/", "http://127.1/", "http://127.0.1/", "http://2130706433/", "http://0x7f000001/"),
    *(
        "http://0x7f.0.0.1/",
        "http://0177.0.0.1/",
        "http://017700000001/",
        "http://0/",
        "http://0x/",
        "http://127.0.0.1./",
    ),
    *(
        "http://[::1]/",
        "http://[::]/",
        "http://[::ffff:127.0.0.1]/",
        "http://[::ffff:7f00:1]/",
        "http://[::127.0.0.1]/",
    ),
    *("http://[64:ff9b::a9fe:a9fe]/", "http://[fd00::1]/", "http://[fe80::1]/", "http://[fe80::1%25eth0]/"),
    *("http://169.254.169.254/latest/meta-data/", "http://100.100.100.200/", "http://10.0.0.1:22/", "http://0.0.0.0/"),
    *("http://localhost/", "http://LOCALHOST./", "http://user:pw@127.0.0.1/", "http://example.com@127.0.0.1/"),
    *("http://①②⑦.⓪.⓪.①/", "http://127。0。0。1/", "http://134744072/", "http://evil.test.0x7f/"),
]
NO_ADDRESS = [
    *("", " ", "example.com", "//example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://127.0.0.1/"),
    *("http://", "http:///x", "https://:443/", "http://a b/", "http://[::1/", "http://example.com:port/"),
    *("http://example.com:99999/", "unix:///var/run/docker.sock", "javascript:alert(1)", "http://exa\0mple.com/"),
]


@pytest.mark.parametrize("text", INTERNAL)
def test_an_internal_address_is_not_public(text: str) -> None:
    assert not is_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_an_address_of_the_internet_is_public(text: str) -> None:
    assert is_public(ip_address(text))


@pytest.mark.parametrize("url", HOSTILE)
async def test_a_hostile_address_is_not_called(url: str) -> None:
    sender = HttpSender(make_caller("203.0.113.77"))
    with pytest.raises((AddressRefusedError, InvalidInputError)):
        await sender.send(HttpRequestConfig(url=url, retries=0), idempotency_key="k")


@pytest.mark.parametrize("url", NO_ADDRESS, ids=repr)
async def test_an_invalid_web_address_is_refused_without_being_quoted(url: str) -> None:
    sender = HttpSender(make_caller())
    with pytest.raises(InvalidInputError, match="URL must be an absolute http or https address"):
        await sender.send(HttpRequestConfig.model_construct(**_DEFAULTS | {"url": url}), idempotency_key="k")


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["8.8.8.8", "10.0.0.1"], ["::1"], ["::ffff:10.0.0.1"]], ids=str)
async def test_a_name_of_an_internal_address_is_refused_without_the_address(addresses: list[str]) -> None:
    sender = HttpSender(make_caller("203.0.113.77", names=Names(addresses)))
    with pytest.raises(AddressRefusedError) as caught:
        await sender.send(HttpRequestConfig(url="http://innocent.test/"), idempotency_key="k")
    assert "innocent.test" in caught.value.message
    assert not any(address in caught.value.message for address in addresses)


async def test_a_name_is_resolved_once_for_each_connection() -> None:
    async with serving(as_json({"ok": True})) as server:
        names = Names(["127.0.0.1"], ["10.0.0.1"])
        result = await HttpSender(make_caller("127.0.0.1", names=names)).send(
            HttpRequestConfig(url=f"http://hooks.test:{server.port}/x"), idempotency_key="k"
        )
    assert (result.body, names.resolved) == ({"ok": True}, ["hooks.test"])
    assert server.received[0].headers["host"] == f"hooks.test:{server.port}"


async def test_a_name_rebound_to_an_internal_address_is_refused() -> None:
    async with serving(answer(503)) as server:
        names = Names(["127.0.0.1"], ["127.0.0.2"])
        with pytest.raises(AddressRefusedError):
            await HttpSender(make_caller("127.0.0.1", names=names)).send(
                HttpRequestConfig(url=f"http://rebinding.test:{server.port}/"), idempotency_key="k"
            )
    assert (len(server.received), names.resolved) == (1, ["rebinding.test"] * 2)


async def test_the_next_address_is_called_when_one_does_not_answer() -> None:
    async with serving(as_json({"ok": True})) as server:
        sender = HttpSender(make_caller("127.0.0.0/8", names=Names(["127.0.0.2", "127.0.0.1"])))
        config = HttpRequestConfig(url=f"http://both.test:{server.port}/", retries=0)
        assert (await sender.send(config, idempotency_key="k")).status == 200


@pytest.mark.parametrize("names", [Names([]), Names(OSError("nobody"))], ids=["none", "unknown"])
async def test_a_name_without_an_address_cannot_be_reached(names: Names) -> None:
    with pytest.raises(RequestFailedError, match=r"^'nowhere\.test' could not be reached"):
        await HttpSender(make_caller(names=names)).send(
            HttpRequestConfig(url="http://nowhere.test/"), idempotency_key="k"
        )
    assert len(names.resolved) == 3


async def test_the_system_resolves_names() -> None:
    assert {address.is_loopback for address in await resolve_host("localhost", 80)} == {True}


async def test_a_malformed_name_has_no_address() -> None:
    with pytest.raises(OSError, match="not a host name"):
        await resolve_host(f"{'a' * 70}.test", 80)


@pytest.mark.parametrize("entry", ["10.0.0.1", "10.0.0.0/8", "inside.test", "INSIDE.test."])
async def test_an_operator_allows_hosts_addresses_and_networks(entry: str) -> None:
    rules = AddressRules.of([entry])
    rules.permit("Inside.test", [ip_address("10.0.0.1")])
    with pytest.raises(AddressRefusedError):
        rules.permit("other.test", [ip_address("192.168.0.1")])


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "10.0.0.0/40", "a b", "http://x", "host:80", "*.test", "0x7f", "1.2"])
def test_a_malformed_exception_stops_the_start(entry: str) -> None:
    with pytest.raises(StartupError, match="INCIDENTQL_HTTP_ALLOW"):
        AddressRules.of(["10.0.0.0/8", entry])


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    async with serving(as_json(1)) as server:
        result = await HttpSender(make_caller()).send(HttpRequestConfig(url=server.url), idempotency_key="k")
    assert result.body == 1


_DEFAULTS = HttpRequestConfig(url="http://x").model_dump()
