"""Crash points: a process kills itself before or after a chosen call of the code under test."""

import functools
import os
import signal
from collections.abc import Awaitable, Callable
from typing import Any

from domain.automations.actions.incidents import IncidentActions
from domain.automations.engine.adapter import Engine
from domain.automations.routing.admission import Admission
from domain.automations.routing.dwells import Dwells
from domain.automations.routing.gates import Gates
from domain.automations.routing.router import Router
from domain.automations.running.journal import Journal
from domain.automations.running.work import Work
from domain.persistence.database import Database

#: The functions that can be cut short. Some run within transactions; `Database.write` returns after the commit.
POINTS: dict[str, tuple[type, str]] = {
    "route": (Router, "route"),
    "arm": (Gates, "_arm"),
    "enqueue": (Engine, "enqueue"),
    "keep": (Dwells, "keep"),
    "fire": (Dwells, "fire"),
    "break": (Dwells, "break_on"),
    "admit": (Admission, "admit"),
    "begin": (Journal, "begin"),
    "note": (Journal, "note"),
    "finish": (Journal, "finish"),
    "create": (IncidentActions, "create"),
    "resolve": (IncidentActions, "resolve"),
    "read": (Work, "read"),
    "commit": (Database, "write"),
}


def fail_at(point: str, *, call: int, after: bool) -> None:
    """Kill this process by SIGKILL at the n-th call of a crash point, counted from 1."""
    owner, name = POINTS[point]
    original: Callable[..., Awaitable[Any]] = getattr(owner, name)
    calls = 0

    @functools.wraps(original)
    async def failing(*arguments: Any, **named: Any) -> Any:
        nonlocal calls
        calls += 1
        mine = calls
        if mine == call and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = await original(*arguments, **named)
        if mine == call:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, failing)
