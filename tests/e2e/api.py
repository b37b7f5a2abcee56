"""The API over HTTP, in one line per call."""

from typing import Any

import httpx

_INCIDENT = "incident { id version title status severity }"
_SELECTIONS = {
    "createSystem": "system { id key }",
    "deleteSystem": "deletedSystemId",
    "createIncident": f"{_INCIDENT} reused",
    "addIncidentUpdate": f"{_INCIDENT} update {{ id }}",
    "addIncidentLink": f"{_INCIDENT} link {{ id }}",
    "deleteIncident": "deletedIncidentId",
    "reportSystemHealth": "system { id }",
}
#: What a mutation says when it neither went through nor was refused for what it asks.
FAILURES = {"UNAUTHENTICATED", "FORBIDDEN", "UNAVAILABLE", "TIMEOUT", "INTERNAL"}


class Api:
    """Queries and mutations against one server."""

    def __init__(self, client: httpx.AsyncClient, url: str) -> None:
        self._client = client
        self._url = url

    async def post(self, query: str, **variables: Any) -> httpx.Response:
        """The answer to an operation, whatever became of it."""
        return await self._client.post(self._url, json={"query": query, "variables": variables})

    async def run(self, query: str, **variables: Any) -> Any:
        """The data of an operation that has to succeed."""
        body = (await self.post(query, **variables)).json()
        assert "errors" not in body, body
        return body["data"]

    async def attempt(self, mutation: str, **input: Any) -> dict[str, Any]:
        """The payload of a mutation that goes through or is refused; a failure is nothing that it answers."""
        data = await self.run(mutation_text(mutation), input=input)
        payload: dict[str, Any] = data[mutation]
        assert FAILURES.isdisjoint(error["code"] for error in payload["userErrors"]), payload
        return payload

    async def write(self, mutation: str, **input: Any) -> dict[str, Any]:
        """The payload of a mutation that has to go through."""
        payload = await self.attempt(mutation, **input)
        assert payload["userErrors"] == [], payload
        return payload

    async def create_system(self, key: str = "payments") -> str:
        """The log's position after a system was made."""
        return str((await self.write("createSystem", key=key, name=key.title()))["cursor"])

    async def create_incident(self, title: str = "Checkout fails", **fields: Any) -> str:
        """The id of a new incident on the system `payments`."""
        fields = {"severity": "MAJOR", "systemIds": ["payments"]} | fields
        return str((await self.write("createIncident", title=title, **fields))["incident"]["id"])


def mutation_text(mutation: str) -> str:
    """The document of a mutation with one `input`."""
    kind = f"{mutation[0].upper()}{mutation[1:]}Input!"
    selection = _SELECTIONS.get(mutation, _INCIDENT)
    return (
        f"mutation ($input: {kind}) {{ {mutation}(input: $input) "
        f"{{ cursor userErrors {{ code message }} {selection} }} }}"
    )
