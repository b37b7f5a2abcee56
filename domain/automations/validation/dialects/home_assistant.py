"""Triggers, conditions and steps of Home Assistant, as they are here."""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from domain.automations.validation.dialects.lines import named
from domain.automations.validation.dialects.texts import entity_key, health_of, text_here

_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_COMMON = ("id", "enabled", "continue_on_error")
_CLOCK = re.compile(r"(\d{1,2}):(\d{2})(?::\d{2})?\Z")
_STEPS = ("sequence", "then", "else", "default", "parallel")
#: Where a request goes whose address only its author knows.
ELSEWHERE = "https://example.com/hook"


def trigger_here(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a trigger as it is here; None if it is none of Home Assistant's."""
    kind = part.get("platform", part.get("trigger"))
    if not isinstance(kind, str):
        return None
    made = _TRIGGERS.get(kind, _by_hand)(part)
    lasting = {"for": part["for"]} if "for" in part and str(made["event"]).startswith("system.") else {}
    own = {"id": part["id"]} if isinstance(part.get("id"), str) else {}
    return {**own, **made, **lasting}


def condition_here(part: Any) -> Any:
    """Return a condition as it is here; None if it is none of Home Assistant's."""
    if isinstance(part, str):
        found = text_here(part, bare=True)
        return None if found is None else found[0]
    if not isinstance(part, Mapping):
        return None
    make = _CONDITIONS.get(str(part.get("condition")))
    return None if make is None else make(part)


def step_here(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return a step as it is here; None if it is none of Home Assistant's."""
    made = next((found for make in _KINDS if (found := make(part)) is not None), None)
    if made is None:
        if "alias" not in part:
            return None
        made = {key: value for key, value in part.items() if key != "alias"}
    common = {key: part[key] for key in _COMMON if key in part and (key != "id" or isinstance(part[key], str))}
    return {**named(part.get("alias")), **common, **made}


def conditions_here(given: Any) -> Any:
    """Return conditions that have to hold together as one."""
    listed = [_condition(part) for part in (given if isinstance(given, list) else [given])]
    return listed[0] if len(listed) == 1 else {"and": listed}


def deeply(value: Any) -> Any:
    """Return settings with their templates as they are here."""
    if isinstance(value, str):
        found = text_here(value, bare=False)
        return value if found is None else found[0]
    if isinstance(value, Mapping):
        return {key: deeply(item) for key, item in value.items()}
    return [deeply(item) for item in value] if isinstance(value, list) else value


def _condition(part: Any) -> Any:
    found = condition_here(part)
    return part if found is None else found


def _first(value: Any) -> str:
    return str(value[0] if isinstance(value, list) and value else value)


def _of_state(part: Mapping[str, Any]) -> Mapping[str, Any]:
    terms = []
    if "entity_id" in part:
        terms.append(f"trigger.payload.systemKey == '{entity_key(_first(part['entity_id']))}'")
    for key, field in (("to", "newStatus"), ("from", "previousStatus")):
        if part.get(key) is not None:
            terms.append(f"trigger.payload.{field} == '{health_of(_first(part[key]))}'")
    return {"event": "system.health_changed", **({"filter": " and ".join(terms)} if terms else {})}


def _of_time(part: Mapping[str, Any]) -> Mapping[str, Any]:
    clock = _CLOCK.match(_first(part.get("at")))
    hour, minute = (int(clock[1]), int(clock[2])) if clock else (8, 0)
    return {"event": "time.cron", "config": {"cron": f"{minute} {hour} * * *"}}


def _of_pattern(part: Mapping[str, Any]) -> Mapping[str, Any]:
    given = {unit: str(part[unit]).replace("/", "*/") for unit in ("hours", "minutes") if unit in part}
    seconds = str(part.get("seconds", "")).removeprefix("/")
    if not given and seconds.isdigit():
        return {"event": "time.interval", "config": {"seconds": int(seconds)}}
    return {"event": "time.cron", "config": {"cron": f"{given.get('minutes', '0')} {given.get('hours', '*')} * * *"}}


def _of_event(part: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"event": _first(part.get("event_type"))}


def _of_template(part: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"event": "system.health_changed", "filter": conditions_here(str(part.get("value_template", "true")))}


def _by_hand(_: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"event": "manual"}


_TRIGGERS: Mapping[str, Callable[[Mapping[str, Any]], Mapping[str, Any]]] = {
    "state": _of_state,
    "time": _of_time,
    "time_pattern": _of_pattern,
    "event": _of_event,
    "template": _of_template,
}


def _in_state(part: Mapping[str, Any]) -> Any:
    lasting = {"for": part["for"]} if "for" in part else {}
    state = {"entity": entity_key(_first(part.get("entity_id"))), "status": health_of(_first(part.get("state")))}
    return {"state": {**state, **lasting}}


def _within(part: Mapping[str, Any]) -> Any:
    made: dict[str, Any] = {}
    for key in ("after", "before"):
        if clock := _CLOCK.match(str(part.get(key, ""))):
            made[key] = f"{int(clock[1]):02}:{clock[2]}"
    days = part.get("weekday", [])
    found = [_DAYS.index(day) for day in (days if isinstance(days, list) else [days]) if day in _DAYS]
    return {"time": {**made, **({"weekday": found} if found else {})}}


def _number(part: Mapping[str, Any]) -> Any:
    value = conditions_here(str(part.get("value_template", "{{ trigger.payload.value | default(0) }}")))
    return {"numeric_state": {"value": value, **{key: part[key] for key in ("above", "below") if key in part}}}


def _parts(part: Mapping[str, Any]) -> list[Any]:
    given = part.get("conditions", [])
    return [_condition(one) for one in (given if isinstance(given, list) else [given])]


_CONDITIONS: Mapping[str, Callable[[Mapping[str, Any]], Any]] = {
    "state": _in_state,
    "time": _within,
    "numeric_state": _number,
    "template": lambda part: conditions_here(str(part.get("value_template", "true"))),
    "trigger": lambda part: f"trigger.id == '{_first(part.get('id'))}'",
    "and": lambda part: {"and": _parts(part)},
    "or": lambda part: {"or": _parts(part)},
    "not": lambda part: {"not": {"or": _parts(part)}},
}


def _service(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    name = part.get("service", part.get("action"))
    foreign = {"service", "data", "data_template", "target", "entity_id", "response_variable", "metadata"} & set(part)
    if not isinstance(name, str) or not foreign:
        return None
    given = part.get("data", part.get("data_template"))
    data = deeply(given) if isinstance(given, Mapping) else {}
    domain = name.partition(".")[0]
    if domain in {"incident", "log", "http", "webhook"}:
        return {"action": name, "config": data}
    if name in {"logbook.log", "system_log.write"}:
        return {"action": "log", "config": {"message": data.get("message", name)}}
    return {"action": "http.request", "config": {"method": "POST", "url": ELSEWHERE, "json": data or {"call": name}}}


def _timed(part: Mapping[str, Any]) -> Mapping[str, Any]:
    timed = {"timeout_seconds": part["timeout"]} if "timeout" in part else {}
    return {**timed, **{key: part[key] for key in ("continue_on_timeout",) if key in part}}


def _wait_template(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if "wait_template" not in part:
        return None
    return {"wait_until": {"condition": conditions_here(part["wait_template"]), **_timed(part)}}


def _wait_for_trigger(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    given = part.get("wait_for_trigger")
    first = given[0] if isinstance(given, list) and given else given
    if not isinstance(first, Mapping):
        return None
    found = trigger_here(first)
    if found is None and "timeout" not in part and not isinstance(given, list):
        return None
    made = dict(found or first)
    wait = {key: made[key] for key in ("event", "filter") if key in made}
    # There a wait goes on after its time, unless it says otherwise.
    goes_on = {} if "timeout" not in part or "continue_on_timeout" in part else {"continue_on_timeout": True}
    return {"wait_for_trigger": {**wait, **_timed(part), **goes_on}}


def _wait_until(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if not isinstance(part.get("wait_until"), Mapping) or not _timed(part):
        return None
    return {"wait_until": {**part["wait_until"], **_timed(part)}}


def _choose(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    branches = part.get("choose")
    if not isinstance(branches, list) or not all(isinstance(branch, Mapping) for branch in branches):
        return None
    if "default" not in part and not any("conditions" in branch for branch in branches):
        return None
    made = [
        {
            "when": conditions_here(branch.get("conditions", branch.get("when"))),
            "sequence": steps_here(branch.get("sequence")),
        }
        for branch in branches
    ]
    rest = part.get("default", part.get("else"))
    return {"choose": made, **({"else": steps_here(rest)} if rest else {})}


def _guard(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found = condition_here(part) if isinstance(part.get("condition"), str) and len(part) > 1 else None
    return None if found is None else {"condition": found}


def _stop(part: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if not isinstance(part.get("stop"), str):
        return None
    return {"stop": {"reason": part["stop"], **({"error": part["error"]} if "error" in part else {})}}


def steps_here(steps: Any) -> list[Any]:
    """Return steps as they are here, those that already are unchanged."""
    listed: Sequence[Any] = steps if isinstance(steps, list) else [steps]
    return [(step_here(step) or step) if isinstance(step, Mapping) else step for step in listed]


_KINDS = (_service, _wait_template, _wait_for_trigger, _wait_until, _choose, _guard, _stop)
