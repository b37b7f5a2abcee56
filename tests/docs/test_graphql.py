"""The GraphQL documents of the pages: all are validated, and queries and mutations are executed in order."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from graphql import OperationDefinitionNode, OperationType, parse, validate

from domain.bootstrap import Domain, running_domain
from domain.settings import Settings
from gql.schema import schema
from tests.client import Caller, calling
from tests.docs.blocks import ROOT, Block, blocks_in
from tests.factories import ADMIN, make_incident, make_system, make_token, make_visitor

BLOCKS = blocks_in("graphql")
PAGES = sorted({block.page for block in BLOCKS})


def operation_of(block: Block) -> OperationDefinitionNode:
    """Return the one operation of a document."""
    [operation] = parse(block.text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    return operation


@asynccontextmanager
async def example(file: Path) -> AsyncIterator[tuple[Caller, dict[str, Any]]]:
    """Yield an admin of the server in the examples, and the variables of the documents."""
    settings = Settings(database_url=f"sqlite:///{file}", automations=False, sqlite_synchronous="NORMAL")
    async with running_domain(settings) as domain:
        await make_system(domain)
        other, incident = [await make_incident(domain, "payments", title="Card payments time out") for _ in range(2)]
        async with calling(domain) as api:
            yield api.admin, {**await variables_of(domain, api.admin, incident.id), "other": other.id}


async def variables_of(domain: Domain, admin: Caller, incident: str) -> dict[str, Any]:
    """Return the values of the documents' variables by name."""
    await make_visitor(domain, "ann@example.org")
    newest = (await admin.read("{ incidentEvents(last: 1) { nodes { cursor } } }"))["incidentEvents"]["nodes"][0]
    now = domain.clock.now()
    return {
        "incident": incident,
        "cursor": newest["cursor"],
        "from": (now - timedelta(hours=1)).isoformat(),
        "to": now.isoformat(),
        "person": (await make_token(domain))[0].id,
        "pseudonym": (await domain.forgetting.forget(ADMIN, (await make_token(domain))[0].id)).value.person.id,
        "address": "ann@example.org",
        "until": (now + timedelta(hours=1)).isoformat(),
    }


def user_errors(data: Any) -> Iterator[Any]:
    """Yield all userErrors anywhere in an answer."""
    if isinstance(data, dict):
        for name, value in data.items():
            yield from value if name == "userErrors" else user_errors(value)
    if isinstance(data, list):
        for value in data:
            yield from user_errors(value)


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.id)
def test_a_document_of_the_pages_fits_the_schema(block: Block) -> None:
    assert validate(schema._schema, parse(block.text)) == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
async def test_the_documents_of_a_page_succeed_one_after_the_other(page: Path, tmp_path: Path) -> None:
    async with example(tmp_path / "example.db") as (admin, variables):
        for block in BLOCKS:
            operation = operation_of(block)
            if block.page != page or operation.operation is OperationType.SUBSCRIPTION:
                continue
            names = [each.variable.name.value for each in operation.variable_definitions or ()]
            data = await admin.read(block.text, **{name: variables[name] for name in names})
            assert list(user_errors(data)) == [], block.id
            assert None not in data.values(), block.id
