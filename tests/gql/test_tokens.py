"""Tokens: the roles that manage them, their secrets, and the bounds of limited ones."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest

from domain.bootstrap import Domain, running_domain
from domain.model.moment import iso
from domain.model.viewer import Role
from domain.settings import Settings
from gql.app import create_app
from tests.conftest import SteppingClock
from tests.factories import make_incident, make_system, make_token
from tests.inside import inside

Json = dict[str, Any]
TOKEN = """
id name role createdAt createdBy { name } expiresAt revokedAt lastUsedAt systems { key }
"""
CREATE = f"""
mutation Do($input: CreateTokenInput!) {{
  createToken(input: $input) {{ token {{ {TOKEN} }} secret userErrors {{ code field }} cursor }}
}}
"""
REVOKE = f"""
mutation Do($input: RevokeTokenInput!) {{
  revokeToken(input: $input) {{ token {{ {TOKEN} }} userErrors {{ code field }} cursor }}
}}
"""
LIST = f"{{ tokens(first: 2) {{ totalCount nodes {{ {TOKEN} }} edges {{ cursor }} }} }}"
NODE = "query Q($id: ID!) { node(id: $id) { id ... on ApiToken { name } } }"


class Asking:
    """A client that sends any secret."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http

    async def post(self, document: str, secret: str | None = None, **variables: Any) -> httpx.Response:
        """Return the raw answer."""
        headers = {"authorization": f"Bearer {secret}"} if secret else {}
        return await self.http.post("/graphql", json={"query": document, "variables": variables}, headers=headers)

    async def send(self, document: str, secret: str | None = None, **variables: Any) -> Json:
        """Return the whole answer, errors included."""
        answer: Json = (await self.post(document, secret, **variables)).json()
        return answer

    async def code(self, document: str, secret: str | None = None, **variables: Any) -> Any:
        """Return the code of the one error, or of a mutation's user error."""
        answer = await self.send(document, secret, **variables)
        if "errors" not in answer:
            [payload] = answer["data"].values()
            return payload["userErrors"][0]["code"]
        [error] = answer["errors"]
        return error["extensions"]["code"]


@pytest.fixture
async def asking(domain: Domain) -> AsyncIterator[Asking]:
    """Yield a client of the application."""
    async with _client(domain) as http:
        yield Asking(http)


@pytest.fixture
async def admin(domain: Domain) -> str:
    """Return the secret of an admin without limits."""
    return (await make_token(domain, name="boss", role=Role.ADMIN))[1]


async def test_an_admin_creates_a_token_whose_secret_is_shown_once(
    domain: Domain, asking: Asking, admin: str, clock: SteppingClock
) -> None:
    await make_system(domain)
    expires_at = iso(clock.now() + timedelta(days=30))
    wanted = {"name": " ci ", "role": "RESPONDER", "expiresAt": expires_at, "systemIds": ["payments"]}
    made = (await asking.send(CREATE, admin, input=wanted))["data"]["createToken"]
    token = made["token"]
    assert (made["userErrors"], made["cursor"]) == ([], inside(domain).cursors.position(1))
    assert token | {"id": "", "createdAt": ""} == {
        "id": "",
        "name": "ci",
        "role": "RESPONDER",
        "createdAt": "",
        "createdBy": {"name": "boss"},
        "expiresAt": expires_at,
        "revokedAt": None,
        "lastUsedAt": None,
        "systems": [{"key": "payments"}],
    }
    viewer = "{ viewer { role expiresAt systems { key } actor { id name } } }"
    assert (await asking.send(viewer, made["secret"]))["data"]["viewer"] == {
        "role": "RESPONDER",
        "expiresAt": expires_at,
        "systems": [{"key": "payments"}],
        "actor": {"id": token["id"], "name": "ci"},
    }
    listed = await asking.post(LIST, admin)
    assert made["secret"] not in listed.text
    assert listed.json()["data"]["tokens"]["totalCount"] == 2
    assert listed.json()["data"]["tokens"]["nodes"][0]["id"] == token["id"]


@pytest.mark.parametrize(
    ("changed", "code", "field"),
    [
        ({"name": " "}, "BAD_USER_INPUT", ["name"]),
        ({"role": "ANONYMOUS"}, "BAD_USER_INPUT", ["role"]),
        ({"expiresAt": "2020-01-01T00:00:00Z"}, "BAD_USER_INPUT", ["expiresAt"]),
        ({"systemIds": []}, "BAD_USER_INPUT", ["systemIds"]),
        ({"systemIds": ["nowhere"]}, "UNKNOWN_SYSTEM", ["systemIds", "0"]),
    ],
    ids=["name", "role", "expiry", "no systems", "unknown system"],
)
async def test_an_invalid_token_input_is_refused(
    asking: Asking, admin: str, changed: Json, code: str, field: list[str]
) -> None:
    answer = await asking.send(CREATE, admin, input={"name": "ci", "role": "VIEWER"} | changed)
    made = answer["data"]["createToken"]
    assert (made["token"], made["secret"], made["userErrors"]) == (None, None, [{"code": code, "field": field}])


async def test_a_revoked_token_is_refused_by_the_next_request(domain: Domain, asking: Asking, admin: str) -> None:
    token, secret = await make_token(domain)
    assert "errors" not in await asking.send("{ viewer { role } }", secret)
    revoked = (await asking.send(REVOKE, admin, input={"id": token.id}))["data"]["revokeToken"]
    assert revoked["token"]["revokedAt"] is not None
    response = await asking.post("{ viewer { role } }", secret)
    assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_the_last_admin_and_an_unknown_token_cannot_be_revoked(
    asking: Asking, admin: str, domain: Domain
) -> None:
    last = (await domain.tokens.viewer_of(f"Bearer {admin}")).actor.id
    for token_id, code in ((last, "CONFLICT"), ("tok_unknown", "NOT_FOUND")):
        revoked = (await asking.send(REVOKE, admin, input={"id": token_id}))["data"]["revokeToken"]
        assert revoked["userErrors"] == [{"code": code, "field": ["id"]}]
    assert "errors" not in await asking.send(LIST, admin)


@pytest.mark.parametrize(
    ("role", "code"),
    [(None, "UNAUTHENTICATED"), (Role.VIEWER, "FORBIDDEN"), (Role.RESPONDER, "FORBIDDEN")],
    ids=["nobody", "viewer", "responder"],
)
async def test_only_admins_see_and_manage_tokens(domain: Domain, asking: Asking, role: Role | None, code: str) -> None:
    token, secret = await make_token(domain, role=role or Role.VIEWER)
    holder = secret if role else None
    assert await asking.code(LIST, holder) == code
    assert await asking.code(CREATE, holder, input={"name": "mine", "role": "ADMIN"}) == code
    assert await asking.code(REVOKE, holder, input={"id": token.id}) == code
    assert (await asking.send(NODE, holder, id=token.id))["data"] == {"node": None}
    assert await domain.reads.token_count() == 1


async def test_an_admin_finds_a_token_by_id(domain: Domain, asking: Asking, admin: str) -> None:
    token, _ = await make_token(domain)
    assert (await asking.send(NODE, admin, id=token.id))["data"]["node"] == {"id": token.id, "name": "monitor"}


async def test_a_limited_admin_reads_all_and_manages_neither_systems_nor_tokens(
    domain: Domain, asking: Asking, admin: str
) -> None:
    await make_system(domain)
    token, secret = await make_token(domain, role=Role.ADMIN, systems=["payments"])
    assert (await asking.send(LIST, secret))["data"]["tokens"]["totalCount"] == 2
    assert await asking.code(CREATE, secret, input={"name": "more", "role": "ADMIN"}) == "FORBIDDEN"
    assert await asking.code(REVOKE, secret, input={"id": token.id}) == "FORBIDDEN"
    create = 'mutation { createSystem(input: {key: "x", name: "X"}) { userErrors { code } } }'
    delete = 'mutation { deleteSystem(input: {id: "payments"}) { userErrors { code } } }'
    update = 'mutation { updateSystem(input: {id: "payments", name: "X"}) { userErrors { code } } }'
    for document in (create, update, delete):
        assert await asking.code(document, secret) == "FORBIDDEN"


async def test_a_limited_token_is_refused_with_the_field(domain: Domain, asking: Asking) -> None:
    for key in ("mine", "theirs"):
        await make_system(domain, key)
    ids = [(await make_incident(domain, key)).id for key in ("mine", "theirs")]
    _, secret = await make_token(domain, role=Role.RESPONDER, systems=["mine"])
    single = "mutation M($id: ID!) { resolveIncident(input: {id: $id}) { userErrors { code field } } }"
    payload = (await asking.send(single, secret, id=ids[1]))["data"]["resolveIncident"]
    assert payload["userErrors"] == [{"code": "FORBIDDEN", "field": ["id"]}]
    bulk = "mutation M($ids: [ID!]!) { resolveIncidents(input: {ids: $ids}) { results { ok code } } }"
    results = (await asking.send(bulk, secret, ids=ids))["data"]["resolveIncidents"]["results"]
    assert results == [{"ok": True, "code": None}, {"ok": False, "code": "FORBIDDEN"}]


async def test_without_anonymous_access_every_request_needs_a_token(settings: Settings, clock: SteppingClock) -> None:
    closed = Settings(
        database_url=settings.database_url, sqlite_synchronous="NORMAL", anonymous_access=False, automations=False
    )
    async with running_domain(closed, clock=clock) as domain, _client(domain) as http:
        asking = Asking(http)
        for document in ("{ viewer { role } }", "{ __schema { queryType { name } } }", "nonsense"):
            response = await asking.post(document)
            assert (response.status_code, response.headers["www-authenticate"]) == (401, "Bearer")
            assert response.json()["errors"][0]["extensions"] == {"code": "UNAUTHENTICATED"}
        assert (await http.get("/health")).status_code == 200
        _, secret = await make_token(domain)
        assert (await asking.post("{ viewer { role } }", secret)).status_code == 200


async def test_a_web_token_that_cannot_be_verified_now_may_be_sent_again(
    settings: Settings, clock: SteppingClock
) -> None:
    issued = Settings(
        database_url=settings.database_url, oidc_issuer="http://127.0.0.1:1", oidc_audience="us", automations=False
    )
    async with running_domain(issued, clock=clock) as domain, _client(domain) as http:
        await domain.tokens.ensure_admin("eyJ-with.three.dots.in-it")
        asking = Asking(http)
        assert (await asking.post("{ viewer { role } }", "eyJhbGciOiJSUzI1NiJ9.e30.AAAA")).status_code == 503
        answer = await asking.send("{ viewer { role } }", "eyJ-with.three.dots.in-it")
        assert answer["data"]["viewer"]["role"] == "ADMIN"


def _client(domain: Domain) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app=create_app(domain)), base_url="http://incidents.test")
