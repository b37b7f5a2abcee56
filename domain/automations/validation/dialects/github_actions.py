"""Steps and triggers of GitHub Actions, as they are here."""

import re
from collections.abc import Mapping
from typing import Any

from domain.automations.validation.dialects.home_assistant import ELSEWHERE, deeply
from domain.automations.validation.dialects.lines import named
from domain.automations.validation.dialects.texts import text_here

#: A longer script is no line of text; the pattern takes the square of its length.
_LONGEST = 1_000
_ECHO = re.compile(r"\s*echo\s+(['\"]?)(.+?)\1\s*\Z")


def step_here(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a step as it is here; None if it is none of GitHub's."""
    made = _made(part)
    if made is None:
        return None
    if "timeout-minutes" in part and made.get("action"):
        made["timeout_seconds"] = f"{part['timeout-minutes']}m"
    made = {**_about(part), **made}
    if "env" in part:
        made = {"sequence": [{"variables": deeply(part["env"])}, made]}
    if "if" not in part:
        return made
    found = text_here(part["if"], bare=True) if isinstance(part["if"], str) else None
    return {"if": part["if"] if found is None else found[0], "then": [made]}


def triggers_here(given: Any) -> list[Mapping[str, Any]]:
    """Return what starts a workflow: its schedules, and whatever else there is by hand."""
    schedule = given.get("schedule") if isinstance(given, Mapping) else None
    crons = [one.get("cron") for one in schedule or () if isinstance(one, Mapping)]
    return [{"event": "time.cron", "config": {"cron": cron}} for cron in crons] or [{"event": "manual"}]


def jobs_here(given: Any) -> list[Any]:
    """Return the steps of the first job."""
    job: Any = next(iter(given.values()), {}) if isinstance(given, Mapping) else {}
    steps = job.get("steps", []) if isinstance(job, Mapping) else []
    return [step_here(step) or step for step in steps if isinstance(step, Mapping)]


def _made(part: Mapping[str, Any]) -> dict[str, Any] | None:
    if isinstance(run := part.get("run"), str):
        echo = _ECHO.match(run) if len(run) <= _LONGEST else None
        if echo:
            return {"action": "log", "config": {"message": deeply(echo[2])}}
        return _request({"run": run})
    if "uses" in part:
        return _request(part.get("with") or {"uses": part["uses"]})
    foreign = {"with", "name", "runs-on", "timeout-minutes", "continue-on-error", "env"} & set(part)
    if not foreign and not ("if" in part and "then" not in part):
        return None
    kept = {key: value for key, value in part.items() if key not in {"name", "if", "env", "runs-on", "with", "id"}}
    kept = {key: value for key, value in kept.items() if key not in {"timeout-minutes", "continue-on-error"}}
    return {**kept, **({"config": deeply(part["with"])} if "with" in part else {})} if kept else None


def _request(body: Any) -> dict[str, Any]:
    return {"action": "http.request", "config": {"method": "POST", "url": ELSEWHERE, "json": deeply(body)}}


def _about(part: Mapping[str, Any]) -> Mapping[str, Any]:
    goes_on = {"continue_on_error": part["continue-on-error"]} if "continue-on-error" in part else {}
    identifier = {"id": str(part["id"]).replace("-", "_")} if "id" in part else {}
    return {**identifier, **named(part.get("name")), **goes_on}
