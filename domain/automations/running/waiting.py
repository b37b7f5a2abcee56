"""Waits for a time, a condition or an event, woken by changes and when time alone decides."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from domain.automations.conditions.duration import rendered_seconds
from domain.automations.conditions.evaluation import Verdict, evaluate
from domain.automations.conditions.flips import next_flip
from domain.automations.conditions.model import Condition
from domain.automations.conditions.scope import references_of, trigger_scope
from domain.automations.definitions.definition import DelayNode, WaitForTriggerNode, WaitUntilNode
from domain.automations.engine.wakes import EVENT, reference
from domain.automations.expressions.durations import FORMS
from domain.automations.expressions.errors import ExpressionError
from domain.automations.expressions.templates import compile_template
from domain.automations.running.frame import Frame
from domain.automations.running.subjects import (
    FOR_INCIDENT,
    Observation,
    Subject,
    in_branch,
    looks_at_incidents,
    subject_of,
)
from domain.automations.running.work import StopError, Work, settled, wait_end
from domain.entities.health import HEALTH
from domain.entities.incident import INCIDENT
from domain.entities.run import RUN
from domain.model.automation import Firing, RunStep, StepStatus, WaitEnd
from domain.model.change import Change
from domain.model.incident import Incident
from domain.model.viewer import Audience
from domain.persistence.unit_of_work import ReadSession, UnitOfWork

_LONGEST_DELAY_SECONDS = 2_592_000
_PAGE = 100


async def delay(work: Work, node: DelayNode, path: str, frame: Frame) -> None:
    """Wait for a time.

    Raises:
        StepFailedError: the time is not a number of seconds that makes sense.
    """
    step = work.begun(path, "delay", action_id=node.id)
    if step.status.is_final:
        settled(step)
        return
    if step.due_at is None:
        now = work.tools.clock.now()
        try:
            scope = await work.rendering_scope(frame, node.delay.template, now=now)
            seconds = _seconds(node, scope, now)
        except ExpressionError as error:
            await work.fail(step, str(error))
            return
        step = await _wait_begins(work, step, seconds)
    assert step.due_at is not None
    await work.sleep(step.due_at)
    await work.succeed(step, {"seconds": (step.input or {}).get("seconds")})


async def wait_until(work: Work, node: WaitUntilNode, path: str, frame: Frame) -> None:
    """Wait until a condition holds, or until the timeout.

    Raises:
        StepFailedError: it timed out, and `continue_on_timeout` is not set.
        StopError: the run's incident or system was over first.
    """
    step = work.begun(path, "wait_until", action_id=node.id)
    subject = subject_of(frame, work.context_system)
    if not step.status.is_final:
        step = await _condition_awaited(work, node, step, frame)
    _taken(settled(step), frame, subject)


async def _condition_awaited(work: Work, node: WaitUntilNode, step: RunStep, frame: Frame) -> RunStep:
    condition, subject = node.wait_until.condition, subject_of(frame, work.context_system)
    first = step.status is not StepStatus.WAITING
    references = await _references(work, condition, frame)
    with work.tools.wakes.watching(references | subject.references, run_id=work.run.id) as woken:
        while True:
            now = work.tools.clock.now()
            verdict, flip, observation = await _check(work, condition, frame, now)
            if verdict.value and not observation.is_over:
                return await work.succeed(
                    step, {"immediate": first, "condition": verdict.details, **_noted(observation)}
                )
            end = observation.end_of(condition, flip=flip, now=now)
            if end is not None:
                return await _over(work, step, end, subject)
            if step.status is not StepStatus.WAITING:
                given = {} if looks_at_incidents(observation.references) else _for_incident(subject)
                step = await _wait_begins(work, step, node.wait_until.timeout_seconds, given)
            if step.due_at is not None and now >= step.due_at:
                break
            first = False
            await work.tools.clock.wait(woken, until=work.next_check(now, step.due_at, flip))
    message = "The condition did not hold in time."
    return await _timed_out(work, step, message, goes_on=node.wait_until.continue_on_timeout)


async def wait_for_trigger(work: Work, node: WaitForTriggerNode, path: str, frame: Frame) -> None:
    """Wait for an event that comes after what the run did so far.

    Raises:
        StepFailedError: it timed out, and `continue_on_timeout` is not set.
        StopError: the run's incident or system was over first.
    """
    step = work.begun(path, "wait_for_trigger", action_id=node.id)
    subject = subject_of(frame, work.context_system)
    if not step.status.is_final:
        step = await _event_awaited(work, node, step, frame)
    _taken(settled(step), frame, subject)
    frame.resume = step.output


async def _event_awaited(work: Work, node: WaitForTriggerNode, step: RunStep, frame: Frame) -> RunStep:
    wanted, subject = node.wait_for_trigger, subject_of(frame, work.context_system)
    if step.status is not StepStatus.WAITING:
        try:
            key = _context_key(work, node, frame)
        except ExpressionError as error:
            return await work.fail(step, str(error))
        # An event of the incident itself may have come by now, with the incident's end.
        given = {} if wanted.event.startswith(f"{INCIDENT.name}.") else _for_incident(subject)
        step = await _event_wait_begins(work, step, {"contextKey": key, **given}, wanted.timeout_seconds)
    position, awaited = int(step.input["after"]), await _systems(work, _awaited(node, step))
    references = {reference(EVENT, wanted.event), *subject.references, *awaited}
    with work.tools.wakes.watching(references, run_id=work.run.id) as woken:
        while True:
            now = work.tools.clock.now()
            position, found, observation = await work.read(partial(_search, work, node, step, frame, position))
            if found is not None and not observation.is_over_before(found):
                output = {"payload": found.payload, "changeId": found.id, "event": wanted.event}
                return await work.succeed(step, {**output, **_noted(observation)})
            end = observation.end_of("1 > 2", flip=None, now=now)
            if end is not None:
                return await _over(work, step, end, subject)
            if step.due_at is not None and now >= step.due_at:
                break
            await work.tools.clock.wait(woken, until=work.next_check(now, step.due_at))
    message = f"Timed out waiting for {wanted.event}."
    return await _timed_out(work, step, message, goes_on=wanted.continue_on_timeout)


async def _event_wait_begins(work: Work, step: RunStep, given: Mapping[str, Any], seconds: float | None) -> RunStep:
    async def begin(unit: UnitOfWork) -> RunStep:
        # After the run's last write: an event in answer to that comes later in the log.
        after = await unit.changes.latest_seq(RUN.name, work.run.id, audience=Audience.MANAGER)
        waiting = replace(step, input={"after": after, **given}, status=StepStatus.WAITING)
        if seconds is not None:
            waiting = replace(waiting, due_at=unit.moment() + timedelta(seconds=seconds))
        return await work.note_in(unit, waiting)

    return await work.write(begin)


async def _search(
    work: Work, node: WaitForTriggerNode, step: RunStep, frame: Frame, position: int, session: ReadSession
) -> tuple[int, Change | None, Observation]:
    await work.require_active(session)
    # Before the search: the event may have come before the incident's end.
    observation = await _observation(work, node, step, frame, session)
    while True:
        page = await session.changes.fired(node.wait_for_trigger.event, after=position, limit=_PAGE)
        for change in page:
            position = change.seq
            if _matches(work, node, step, frame, change):
                return position, change, observation
        if len(page) < _PAGE:
            return position, None, observation


async def _observation(
    work: Work, node: WaitForTriggerNode, step: RunStep, frame: Frame, session: ReadSession
) -> Observation:
    """Return the state of the subject of a wait for an event."""
    subject, key = subject_of(frame, work.context_system), step.input["contextKey"]
    if not node.wait_for_trigger.event.startswith("system."):
        return Observation(subject=subject, incident=await subject.incident(session), scope={}, references=())
    named = _awaited(node, step)
    systems = await session.systems.resolve(named)
    return Observation(
        subject=replace(subject, system=key),
        incident=await subject.incident(session),
        scope={HEALTH.name: {"systems": systems}},
        references=[reference(HEALTH.name, name) for name in named or ["*"]],
    )


def _matches(work: Work, node: WaitForTriggerNode, step: RunStep, frame: Frame, change: Change) -> bool:
    wanted, key = node.wait_for_trigger, step.input["contextKey"]
    if key is not None and change.entity_id != key:
        return False
    if wanted.filter is None:
        return True
    firing = Firing(
        event=wanted.event,
        key=change.id,
        payload=change.payload or {},
        actor=change.actor,
        context_key=change.entity_id,
        change_id=change.id,
        occurred_at=change.occurred_at,
    )
    scope = {**work.scope(frame), "trigger": trigger_scope(firing, work.run.trigger_id)}
    try:
        return evaluate(wanted.filter, scope, now=work.tools.clock.now()).value
    except ExpressionError:
        return False


def _context_key(work: Work, node: WaitForTriggerNode, frame: Frame) -> str | None:
    """Return the context key of the event: the configured one, else the run's if their kinds agree."""
    configured = node.wait_for_trigger.context_key
    if configured is not None:
        return compile_template(configured).text(work.scope(frame), now=work.tools.clock.now())
    of_same_kind = node.wait_for_trigger.event.partition(".")[0] == work.run.firing.event.partition(".")[0]
    return work.run.firing.context_key if of_same_kind else None


async def _check(
    work: Work, condition: Condition, frame: Frame, now: datetime
) -> tuple[Verdict, datetime | None, Observation]:
    """Return the condition's value, false on errors; the moment at which time alone may change it; and its subject."""
    subject = subject_of(frame, work.context_system)

    async def read(session: ReadSession) -> tuple[dict[str, Any], Incident | None]:
        await work.require_active(session)
        scope = await work.enriched(session, work.scope(frame), condition, now=now)
        return scope, await subject.incident(session)

    scope, incident = await work.read(read)
    found = references_of([condition], scope, work.context_system)
    try:
        verdict = evaluate(condition, scope, now=now)
    except ExpressionError as error:
        verdict = Verdict(value=False, details={"error": str(error)})
    observation = Observation(subject=subject, incident=incident, scope=scope, references=found)
    return verdict, next_flip(condition, scope, now=now), observation


async def _references(work: Work, condition: Condition, frame: Frame) -> set[str]:
    """Return the references that wake the wait, systems by id."""
    found = references_of([condition], work.scope(frame), work.context_system)
    health = [name.partition(":")[2] for name in found if name.startswith(f"{HEALTH.name}:")]
    return found | await _systems(work, [name for name in health if name != "*"])


async def _systems(work: Work, names: Sequence[str]) -> set[str]:
    """Return the references of these systems, by id."""
    if not names:
        return set()
    ids = await work.read(lambda session: session.systems.resolve(names))
    return {reference(HEALTH.name, identifier) for identifier in ids.values()}


def _awaited(node: WaitForTriggerNode, step: RunStep) -> list[str]:
    """Return the system whose event is awaited, if it is one: it need not be the run's."""
    key = step.input["contextKey"]
    return [key] if key is not None and node.wait_for_trigger.event.startswith("system.") else []


async def _wait_begins(
    work: Work, step: RunStep, seconds: float | None, given: Mapping[str, Any] | None = None
) -> RunStep:
    """Record the deadline of a wait, once, and return the step: a resume does not extend the deadline."""
    due_at = None if seconds is None else work.tools.clock.now() + timedelta(seconds=seconds)
    noted = {**({} if seconds is None else {"seconds": seconds}), **(given or {})}
    return await work.note(replace(step, status=StepStatus.WAITING, due_at=due_at, input=noted or None))


def _for_incident(subject: Subject) -> dict[str, Any]:
    """Return the input of a wait that ends with its incident, so that a new firing can end it."""
    return {} if subject.incident_id is None else {FOR_INCIDENT: subject.incident_id}


def _noted(observation: Observation) -> dict[str, Any]:
    """Return the output of a wait that ended after its incident was resolved: the run goes on."""
    return {"incidentResolved": True} if observation.is_resolved else {}


async def _over(work: Work, step: RunStep, end: WaitEnd, subject: Subject) -> RunStep:
    """End the wait early, and with it the run, or only the branch inside a parallel; return the step."""
    output = {"ended": end.value, **_for_incident(subject)}
    if in_branch(step):
        return await work.succeed(step, output)
    return await work.conclude(step, output, end.message)


def _taken(step: RunStep, frame: Frame, subject: Subject) -> None:
    """Apply the result of a wait to the frame.

    Raises:
        StopError: it ended before its time.
    """
    end = wait_end(step)
    if end is not None:
        raise StopError(end.message)
    if subject.incident_id is not None and (step.output or {}).get("incidentResolved"):
        frame.concluded.add(subject.incident_id)


async def _timed_out(work: Work, step: RunStep, message: str, *, goes_on: bool) -> RunStep:
    if not goes_on:
        return await work.fail(step, message)
    return await work.succeed(step, {"timedOut": True})


def _seconds(node: DelayNode, scope: Mapping[str, Any], now: datetime) -> float:
    if node.delay.seconds is not None:
        return node.delay.seconds
    assert node.delay.template is not None
    text = compile_template(node.delay.template).text(scope, now=now)
    seconds = rendered_seconds(text)
    if seconds is None or not 0 <= seconds <= _LONGEST_DELAY_SECONDS:
        message = f"A delay needs 0 to {_LONGEST_DELAY_SECONDS} seconds, not {text[:40]!r}: write {FORMS}."
        raise ExpressionError(message)
    return seconds
