"""A count of waits' reads: they read when they must, and only then."""

from typing import Any

import pytest

from tests.domain.automations.world import World


@pytest.fixture
def scope_reads(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Return a list with one entry for each read of health and state."""
    states, made = world.domain.automations.states, []
    enriched = states.enriched

    async def counting(*arguments: Any, **options: Any) -> dict[str, Any]:
        found = await enriched(*arguments, **options)
        made.append(found)
        return found

    monkeypatch.setattr(states, "enriched", counting)
    return made
