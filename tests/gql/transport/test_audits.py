"""The audits of the official package for GraphQL over HTTP."""

import asyncio
import json

import pytest

from domain.bootstrap import Domain
from tests.gql.transport.serving import serving
from tests.requirements_gate import CLIENTS

AUDITS = 61


@pytest.mark.node
async def test_every_audit_of_graphql_over_http_passes_without_a_warning(domain: Domain, node: list[str]) -> None:
    async with serving(domain) as url:
        audits = await asyncio.create_subprocess_exec(
            *node, "graphql-http.mjs", f"{url}/graphql", cwd=CLIENTS, stdout=asyncio.subprocess.PIPE
        )
        output, _ = await audits.communicate()
    printed = output.decode()
    assert audits.returncode == 0, printed
    assert json.loads(printed.splitlines()[-1]) == {"ok": AUDITS}
