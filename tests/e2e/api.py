"""A client of the API over HTTP, for tests."""

from typing import Any

import httpx

_INCIDENT = "incident { id version title status severity }"
_SELECTIONS = {
    "createSystem": "system { id key }",
    "createIntegration": "integration { id }",
    "createToken": "secret token { id }",
    "createWebhook": "secret webhook { id }",
    "revokeToken": "token { id }",
    "updateSystem": "system { id }",
    "deleteSystem": "deletedSystemId",
    "createIncident": f"{_INCIDENT} reused",
    "addIncidentUpdate": f"{_INCIDENT} update {{ id }}",
    "addIncidentLink": f"{_INCIDENT} link {{ id }}",
    "addMaintenanceUpdate": "maintenance { id }",
    "createAutomation": "automation { id }",
    "createChannel": "channel { id }",
    "createSecret": "secret { name }",
    "runAutomation": "run { id }",
    "deleteIncident": "deletedIncidentId",
    "reportSystemHealth": "system { id }",
    "scheduleMaintenance": "maintenance { id }",
}
#: The codes of a mutation that neither succeeded nor was refused for its input.
FAILURES = {"UNAUTHENTICATED", "FORBIDDEN", "UNAVAILABLE", "TIMEOUT", "INTERNAL"}


class Api:
    """Queries and mutations against one server."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def post(self, query: str, **variables: Any) -> httpx.Response:
        """Return the HTTP response to an operation, failed or not."""
        return await self._client.post(self._url, json={"query": query, "variables": variables})

    async def get(self, path: str) -> httpx.Response:
        """Return the response to a GET of another path of the server."""
        return await self._client.get(self._url.replace("/graphql", path))

    async def run(self, query: str, **variables: Any) -> Any:
        """Return the data of an operation that has to succeed."""
        body = (await self.post(query, **variables)).json()
        assert "errors" not in body, body
        return body["data"]

    async def attempt(self, mutation: str, **input: Any) -> dict[str, Any]:
        """Return the payload of a mutation that succeeds or is refused with userErrors; fail on any other error."""
        data = await self.run(mutation_text(mutation), input=input)
        payload: dict[str, Any] = data[mutation]
        assert FAILURES.isdisjoint(error["code"] for error in payload["userErrors"]), payload
        return payload

    async def write(self, mutation: str, **input: Any) -> dict[str, Any]:
        """Return the payload of a mutation that has to succeed."""
        payload = await self.attempt(mutation, **input)
        assert payload["userErrors"] == [], payload
        return payload

    async def create_system(self, key: str = "payments") -> str:
        """Create a system and return the log's cursor after it."""
        return str((await self.write("createSystem", key=key, name=key.title()))["cursor"])

    async def create_incident(self, title: str = "Checkout fails", **fields: Any) -> str:
        """Create an incident on the system `payments` and return its id."""
        fields = {"severity": "MAJOR", "systemIds": ["payments"]} | fields
        return str((await self.write("createIncident", title=title, **fields))["incident"]["id"])


def mutation_text(mutation: str) -> str:
    """Return the document of a mutation with one `input`."""
    kind = f"{mutation[0].upper()}{mutation[1:]}Input!"
    selection = _SELECTIONS.get(mutation, _INCIDENT)
    return (
        f"mutation ($input: {kind}) {{ {mutation}(input: $input) "
        f"{{ cursor userErrors {{ code message }} {selection} }} }}"
    )
