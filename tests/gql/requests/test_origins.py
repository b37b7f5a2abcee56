"""Which requests are of a page of this server, by what browsers say of them."""

import itertools

import pytest

from gql.requests.origins import is_foreign, is_same_origin, origin_of

#: Origins and hosts, and whether they are the same, for a request without encryption and for one with it.
PAIRS = [
    ("http://incidents.test", "incidents.test", True, False),
    ("https://incidents.test", "incidents.test", True, True),
    ("https://incidents.test", "incidents.test:443", True, True),
    ("http://incidents.test:80", "incidents.test", True, False),
    ("HTTPS://Incidents.Test", "incidents.TEST", True, True),
    ("http://incidents.test:8000", "incidents.test:8000", True, False),
    ("http://[::1]:8000", "[::1]:8000", True, False),
    ("https://[::1]", "[::1]", True, True),
    ("https://[::1]", "[::1]:443", True, True),
    ("http://incidents.test:8001", "incidents.test:8000", False, False),
    ("http://incidents.test", "incidents.test:8000", False, False),
    ("https://incidents.test:80", "incidents.test", False, False),
    ("https://incidents.test.evil.test", "incidents.test", False, False),
    ("https://evil.test", "incidents.test", False, False),
    ("https://sub.incidents.test", "incidents.test", False, False),
    ("https://user@incidents.test", "incidents.test", False, False),
    ("null", "incidents.test", False, False),
    ("null", "null", False, False),
    ("", "", False, False),
    ("https://", "", False, False),
    ("file://incidents.test", "incidents.test", False, False),
    ("chrome-extension://incidents.test", "incidents.test", False, False),
    ("incidents.test", "incidents.test", False, False),
    ("https://incidents.test https://evil.test", "incidents.test", False, False),
]
SITES = [None, "same-origin", "same-site", "cross-site", "none", "SAME-ORIGIN", ""]


def scope_of(kind: str, *, encrypted: bool) -> dict[str, str]:
    """Return the scope of a request or of an upgrade."""
    return {"type": kind, "scheme": ("wss" if kind == "websocket" else "https") if encrypted else "http"}


def headers_of(**given: str | None) -> dict[bytes, bytes]:
    """Return headers, without those that are None."""
    return {name.replace("_", "-").encode(): value.encode() for name, value in given.items() if value is not None}


@pytest.mark.parametrize(("origin", "host", "plain", "encrypted"), PAIRS)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_an_origin_is_ours_where_it_is_the_host_of_the_request(
    origin: str, host: str, plain: bool, encrypted: bool, kind: str
) -> None:
    headers = headers_of(origin=origin, host=host)
    assert is_same_origin(scope_of(kind, encrypted=False), headers) is plain
    assert is_same_origin(scope_of(kind, encrypted=True), headers) is encrypted


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("is_ours", [True, False, None], ids=["our origin", "another origin", "no origin"])
def test_what_a_browser_says_of_the_site_decides_and_sockets_need_the_origin_too(
    site: str | None, is_ours: bool | None
) -> None:
    origin = {True: "https://incidents.test", False: "https://evil.test", None: None}[is_ours]
    headers = headers_of(host="incidents.test", origin=origin, sec_fetch_site=site)
    expected = {None: bool(is_ours), "same-origin": True}.get(site, False)
    assert is_same_origin(scope_of("http", encrypted=True), headers) is expected
    assert is_same_origin(scope_of("websocket", encrypted=True), headers) is (expected and bool(is_ours))


def test_the_public_url_is_ours_whatever_host_a_proxy_asks_for() -> None:
    public = "https://incidents.test/ops"
    for kind, encrypted in itertools.product(["http", "websocket"], [True, False]):
        scope = scope_of(kind, encrypted=encrypted)
        ours = headers_of(host="10.0.0.5:8000", origin="https://incidents.test")
        assert is_same_origin(scope, ours, public_url=public)
        assert not is_same_origin(scope, ours)
        for origin in ("http://incidents.test", "https://incidents.test:8443", "https://evil.test"):
            headers = headers_of(host="10.0.0.5:8000", origin=origin)
            assert not is_same_origin(scope, headers, public_url=public)


def test_a_request_that_says_nothing_is_neither_ours_nor_foreign() -> None:
    scope, headers = scope_of("http", encrypted=False), headers_of(host="incidents.test")
    assert not is_same_origin(scope, headers)
    assert not is_foreign(scope, headers)
    assert is_foreign(scope, headers | headers_of(origin="http://evil.test"))
    assert is_foreign(scope, headers | headers_of(sec_fetch_site="none"))


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Incidents.Test:443/ops", "https://incidents.test"),
        ("http://incidents.test:80", "http://incidents.test"),
        ("https://incidents.test:80", "https://incidents.test:80"),
        ("https://user@incidents.test:8443/", "https://incidents.test:8443"),
        ("http://[::1]:80/", "http://[::1]"),
        (None, None),
    ],
)
def test_the_origin_of_an_address_is_as_browsers_write_it(url: str | None, origin: str | None) -> None:
    assert origin_of(url) == origin
