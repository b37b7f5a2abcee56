"""A client of the application in its own process, with one caller for each role."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from domain.bootstrap import Domain
from domain.ids import new_id
from domain.model.token import ApiToken
from domain.model.viewer import Role
from domain.persistence.unit_of_work import UnitOfWork
from gql.app import create_app
from tests.inside import inside

Json = dict[str, Any]
#: Reads all rows of all tables.
Stored = Callable[[], Awaitable[Json]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """One caller: anonymous, or with a token of some role."""

    http: httpx.AsyncClient
    token: str | None = None

    async def post(self, **request: Any) -> httpx.Response:
        """Return the raw answer to a POST, with httpx's arguments `json=`, `content=` and `headers=`."""
        headers = {"authorization": f"Bearer {self.token}"} if self.token else {}
        return await self.http.post("/graphql", **request | {"headers": headers | request.get("headers", {})})

    async def send(self, document: str, **variables: Any) -> Json:
        """Return the whole answer, errors included."""
        response = await self.post(json={"query": document, "variables": variables})
        answer: Json = response.json()
        return answer

    async def read(self, document: str, **variables: Any) -> Json:
        """Return the data of an operation that has to succeed."""
        answer = await self.send(document, **variables)
        assert "errors" not in answer, answer["errors"]
        data: Json = answer["data"]
        return data

    async def error(self, document: str, **variables: Any) -> Json:
        """Return the one error of an operation that has to fail: code, field and message."""
        answer = await self.send(document, **variables)
        [error] = answer["errors"]
        return {"message": error["message"], **error["extensions"]}

    async def try_to(self, mutation: str, input: Json, selection: str = "") -> Json:
        """Return the whole answer to a mutation."""
        return await self.send(mutation_document(mutation, selection), input=input)

    async def refusal(self, mutation: str, input: Json, selection: str = "") -> Json:
        """Return the one userError of a mutation that has to be refused or to fail."""
        [error] = (await self.do(mutation, input, selection))["userErrors"]
        refusal: Json = error
        return refusal

    async def do(self, mutation: str, input: Json, selection: str = "") -> Json:
        """Return the payload of a mutation, regardless of its userErrors."""
        data = await self.read(mutation_document(mutation, selection), input=input)
        payload: Json = data[mutation]
        return payload


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """The application with one caller per role."""

    anonymous: Caller
    viewer: Caller
    responder: Caller
    admin: Caller


def mutation_document(mutation: str, selection: str = "") -> str:
    """Return the document that calls a mutation with `$input`."""
    kind = f"{mutation[0].upper()}{mutation[1:]}Input"
    chosen = f"userErrors {{ code message field }} cursor {selection}"
    return f"mutation Do($input: {kind}!) {{ {mutation}(input: $input) {{ {chosen} }} }}"


@asynccontextmanager
async def calling(domain: Domain) -> AsyncIterator[Api]:
    """Yield the callers of a domain's application, with their tokens stored."""
    tokens = {role: f"a-{role}-token-long-enough" for role in (Role.VIEWER, Role.RESPONDER, Role.ADMIN)}

    async def write(unit: UnitOfWork) -> None:
        for role, secret in tokens.items():
            token = ApiToken(id=new_id("tok"), name=role, role=role, created_at=domain.clock.now())
            await unit.tokens.insert(token, secret)

    await inside(domain).database.write(write)
    transport = httpx.ASGITransport(app=create_app(domain))
    async with httpx.AsyncClient(transport=transport, base_url="http://incidents.test") as http:
        yield Api(
            anonymous=Caller(http=http),
            **{role.value: Caller(http=http, token=token) for role, token in tokens.items()},
        )
