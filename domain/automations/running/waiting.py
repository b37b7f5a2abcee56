"""Waiting: for a time, a condition or an event. Woken by changes, and by the moment at which time alone decides."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from domain.automations.conditions.evaluation import Verdict, evaluate
from domain.automations.conditions.flips import next_flip
from domain.automations.conditions.model import Condition
from domain.automations.definition import DelayNode, WaitForTriggerNode, WaitUntilNode
from domain.automations.expressions.errors import ExpressionError
from domain.automations.expressions.templates import compile_template
from domain.automations.running.work import Frame, Work, settled
from domain.automations.scope import references_of, trigger_scope
from domain.automations.wakes import EVENT, reference
from domain.entities.health import KIND as HEALTH
from domain.entities.run import KIND as RUN
from domain.model.automation import Firing, RunStep, StepStatus
from domain.model.change import Change
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
    """Wait until a condition holds, or for as long as it may take.

    Raises:
        StepFailedError: it took too long, and nothing says that the run goes on then.
    """
    step = work.begun(path, "wait_until", action_id=node.id)
    if step.status.is_final:
        settled(step)
        return
    condition, timeout = node.wait_until.condition, node.wait_until.timeout_seconds
    first = step.status is not StepStatus.WAITING
    with work.tools.wakes.watching(await _references(work, condition, frame), run_id=work.run.id) as woken:
        while True:
            now = work.tools.clock.now()
            verdict, flip = await _look(work, condition, frame, now)
            if verdict.value:
                await work.succeed(step, {"immediate": first, "condition": verdict.details})
                return
            if step.status is not StepStatus.WAITING:
                step = await _wait_begins(work, step, timeout)
            if step.due_at is not None and now >= step.due_at:
                break
            first = False
            await work.tools.clock.wait(woken, until=work.next_look(now, step.due_at, flip))
    await _timed_out(work, step, "The condition did not hold in time.", goes_on=node.wait_until.continue_on_timeout)


async def wait_for_trigger(work: Work, node: WaitForTriggerNode, path: str, frame: Frame) -> None:
    """Wait for an event that comes after what the run did so far.

    Raises:
        StepFailedError: it took too long, and nothing says that the run goes on then.
    """
    step = work.begun(path, "wait_for_trigger", action_id=node.id)
    if not step.status.is_final:
        step = await _event_awaited(work, node, step, frame)
    settled(step)
    frame.resume = step.output


async def _event_awaited(work: Work, node: WaitForTriggerNode, step: RunStep, frame: Frame) -> RunStep:
    wanted = node.wait_for_trigger
    if step.status is not StepStatus.WAITING:
        try:
            key = _context_key(work, node, frame)
        except ExpressionError as error:
            return await work.fail(step, str(error))
        step = await _event_wait_begins(work, step, key, wanted.timeout_seconds)
    position = int(step.input["after"])
    with work.tools.wakes.watching([reference(EVENT, wanted.event)], run_id=work.run.id) as woken:
        while True:
            now = work.tools.clock.now()
            position, found = await work.read(partial(_search, work, node, step, frame, position))
            if found is not None:
                output = {"payload": found.payload, "changeId": found.id, "event": wanted.event}
                return await work.succeed(step, output)
            if step.due_at is not None and now >= step.due_at:
                break
            await work.tools.clock.wait(woken, until=work.next_look(now, step.due_at))
    message = f"Timed out waiting for {wanted.event}."
    return await _timed_out(work, step, message, goes_on=wanted.continue_on_timeout)


async def _event_wait_begins(work: Work, step: RunStep, key: str | None, seconds: float | None) -> RunStep:
    async def begin(unit: UnitOfWork) -> RunStep:
        # Behind the last thing that the run did: an event in answer to that comes after it.
        after = await unit.changes.latest_seq(RUN, work.run.id, audience=Audience.MANAGER)
        waiting = replace(step, input={"after": after, "contextKey": key}, status=StepStatus.WAITING)
        if seconds is not None:
            waiting = replace(waiting, due_at=unit.moment() + timedelta(seconds=seconds))
        return await work.note_in(unit, waiting)

    return await work.write(begin)


async def _search(
    work: Work, node: WaitForTriggerNode, step: RunStep, frame: Frame, position: int, session: ReadSession
) -> tuple[int, Change | None]:
    await work.require_active(session)
    while True:
        page = await session.changes.fired(node.wait_for_trigger.event, after=position, limit=_PAGE)
        for change in page:
            position = change.seq
            if _matches(work, node, step, frame, change):
                return position, change
        if len(page) < _PAGE:
            return position, None


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
    """What the event has to be about: as told, else what the run is about where the event can be about that."""
    told = node.wait_for_trigger.context_key
    if told is not None:
        return compile_template(told).text(work.scope(frame), now=work.tools.clock.now())
    of_same_kind = node.wait_for_trigger.event.partition(".")[0] == work.run.firing.event.partition(".")[0]
    return work.run.firing.context_key if of_same_kind else None


async def _look(work: Work, condition: Condition, frame: Frame, now: datetime) -> tuple[Verdict, datetime | None]:
    """What the condition gives now, an error being no, and when time alone may make it another."""

    async def read(session: ReadSession) -> dict[str, Any]:
        await work.require_active(session)
        return await work.enriched(session, work.scope(frame), condition, now=now)

    scope = await work.read(read)
    try:
        verdict = evaluate(condition, scope, now=now)
    except ExpressionError as error:
        verdict = Verdict(value=False, details={"error": str(error)})
    return verdict, next_flip(condition, scope, now=now)


async def _references(work: Work, condition: Condition, frame: Frame) -> set[str]:
    """What the wait listens for, systems by their ids."""
    found = references_of([condition], work.scope(frame), work.context_system)
    health = [name.partition(":")[2] for name in found if name.startswith(f"{HEALTH}:")]
    ids = await work.read(lambda session: session.systems.resolve([name for name in health if name != "*"]))
    return found | {reference(HEALTH, identifier) for identifier in ids.values()}


async def _wait_begins(work: Work, step: RunStep, seconds: float | None) -> RunStep:
    """The deadline is recorded once: a restart does not extend it."""
    due_at = None if seconds is None else work.tools.clock.now() + timedelta(seconds=seconds)
    given = None if seconds is None else {"seconds": seconds}
    return await work.note(replace(step, status=StepStatus.WAITING, due_at=due_at, input=given))


async def _timed_out(work: Work, step: RunStep, message: str, *, goes_on: bool) -> RunStep:
    if not goes_on:
        return await work.fail(step, message)
    return await work.succeed(step, {"timedOut": True})


def _seconds(node: DelayNode, scope: Mapping[str, Any], now: datetime) -> float:
    if node.delay.seconds is not None:
        return node.delay.seconds
    assert node.delay.template is not None
    text = compile_template(node.delay.template).text(scope, now=now)
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds <= _LONGEST_DELAY_SECONDS:
        raise ExpressionError(f"A delay needs 0 to {_LONGEST_DELAY_SECONDS} seconds, not {text[:40]!r}.")
    return seconds
