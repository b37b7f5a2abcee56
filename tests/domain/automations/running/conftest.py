"""Counting how often waits look, to see that they look when they must, and only then."""

from typing import Any

import pytest

from tests.domain.automations.world import World


@pytest.fixture
def looks(world: World, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """One entry for each look at health and state."""
    states, made = world.domain.automations.states, []
    enriched = states.enriched

    async def counting(*arguments: Any, **options: Any) -> dict[str, Any]:
        found = await enriched(*arguments, **options)
        made.append(found)
        return found

    monkeypatch.setattr(states, "enriched", counting)
    return made
