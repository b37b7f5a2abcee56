"""The load: writers that ask any server, and a count of what they were told."""

import asyncio
import random
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import httpx
from typing_extensions import override

from domain.model.change import Change, ChangeAction
from tests.e2e.audit import Truth
from tests.e2e.patience import PatientApi
from tests.e2e.server import TOKEN
from tests.e2e.writers import Writers

#: Besides a frozen server there is one that answers.
_ANSWER_SECONDS = 3.0


class AnyServer(PatientApi):
    """A client that sends each request to one of several servers."""

    def __init__(self, client: httpx.AsyncClient, addresses: Sequence[str], choices: random.Random) -> None:
        super().__init__(client, f"{addresses[0]}/graphql")
        self._addresses = addresses
        self._random = choices

    @override
    async def attempt(self, mutation: str, **input: Any) -> dict[str, Any]:
        """Return the payload of a mutation that succeeds or is refused, after a moment."""
        await asyncio.sleep(self._random.uniform(0, 0.1))
        return await super().attempt(mutation, **input)

    @override
    async def post(self, query: str, **variables: Any) -> httpx.Response:
        """Return the response of one of the servers."""
        self._url = f"{self._random.choice(self._addresses)}/graphql"
        return await super().post(query, **variables)


@asynccontextmanager
async def any_server(addresses: Sequence[str], choices: random.Random) -> AsyncIterator[AnyServer]:
    """Yield a client of several servers, as their admin."""
    headers = {"authorization": f"Bearer {TOKEN}"}
    async with httpx.AsyncClient(headers=headers, timeout=_ANSWER_SECONDS, verify=False) as client:
        yield AnyServer(client, addresses, choices)


def unasked(writers: Writers, truth: Truth) -> list[str]:
    """Return the changes that nobody asked for: more than those that were acknowledged or left without an answer."""
    answered = {(write.incident, write.version) for write in writers.acknowledged}
    deleted = {write.incident for write in writers.acknowledged if write.version is None}

    gone = {writers.systems[key] for key in writers.systems_doomed}

    def is_unknown(change: Change) -> bool:
        if change.cause.run_id is not None or (change.entity_id, change.version) in answered or _left(change, gone):
            return False
        return not (change.action is ChangeAction.DELETED and change.entity_id in deleted)

    unknown = [change for change in truth.log if is_unknown(change)]
    if len(unknown) <= writers.cut_off:
        return []
    story = [f"{each.entity_id} v{each.version} {each.action} {each.changed_fields}" for each in unknown]
    return [f"{len(unknown)} changes without an answer, of {writers.cut_off} such requests: {story}"]


def _left(change: Change, systems: set[str]) -> bool:
    """Return whether an incident left one of these systems and nothing else changed: it was deleted."""
    before, after = change.before or {}, change.after or {}
    left = set(before.get("system_ids", ())) - set(after.get("system_ids", ()))
    changed = {name for name in before if before[name] != after.get(name)}
    return changed == {"system_ids", "updated_at"} and len(left) == 1 and left <= systems
