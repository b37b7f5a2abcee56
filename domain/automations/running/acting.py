"""Action steps: settings rendered and checked, attempts with retries, and artifacts."""

import asyncio
import json
import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from functools import partial
from typing import Any

from pydantic import BaseModel, ValidationError

from domain.automations.actions.registry import ActionContext, ActionType, Produced, Result
from domain.automations.definitions.definition import ActionNode
from domain.automations.definitions.parts import Retry
from domain.automations.expressions.errors import ExpressionError
from domain.automations.expressions.rendering import Rendered, render
from domain.automations.expressions.secret_references import secret_names
from domain.automations.running.frame import Frame
from domain.automations.running.journal import RunEndedError
from domain.automations.running.subjects import concluded_by
from domain.automations.running.work import Work, settled
from domain.errors import DomainError, UnavailableError
from domain.ids import new_id
from domain.model.automation import Artifact, RunStep, StepStatus
from domain.persistence.unit_of_work import UnitOfWork

logger = logging.getLogger(__name__)


async def act(work: Work, node: ActionNode, path: str, frame: Frame) -> None:
    """Perform an action once, and keep its artifact in the frame.

    Raises:
        StepFailedError: it failed, now or before the resume.
    """
    step = work.begun(path, "action", action=node.action, action_id=node.id)
    if not step.status.is_final:
        step = await _done(work, node, step, frame)
    _keep(node, settled(step), frame)


async def _done(work: Work, node: ActionNode, step: RunStep, frame: Frame) -> RunStep:
    action = work.tools.actions.get(node.action)
    if action is None:
        return await work.fail(step, f"There is no action {node.action!r}.")
    try:
        config = _prepared(node, step) or await _config(work, node, frame)
    except UnavailableError:
        raise
    except (ExpressionError, DomainError) as error:
        return await work.fail(step, str(error))
    step = replace(step, input=work.tools.masker.mask(work.run.id, config.masked))
    if action.perform is not None:
        step = await work.note(replace(step, request=_kept(work, config)))
        # Of two workers at the same step, the first one's write counts for both.
        config = _prepared(node, step) or config
    return await _attempted(work, action, config, node, step, frame)


async def _attempted(
    work: Work, action: ActionType, config: Rendered, node: ActionNode, step: RunStep, frame: Frame
) -> RunStep:
    retry = node.retry or Retry(attempts=1)
    while not step.status.is_final:
        if step.due_at is not None:
            await work.sleep(step.due_at)
        outcome = await _tried(work, action, config, node, step, frame)
        if isinstance(outcome, RunStep):
            return outcome
        if step.attempts >= retry.attempts:
            return await work.fail(step, outcome)
        pause = timedelta(seconds=retry.delay_seconds * 2 ** (step.attempts - 1))
        # Recorded, so that a resume neither shortens nor repeats the back-off.
        due_at = work.tools.clock.now() + pause
        step = await work.note(replace(step, attempts=step.attempts + 1, error=outcome, due_at=due_at))
    return step


async def _tried(
    work: Work, action: ActionType, config: Rendered, node: ActionNode, step: RunStep, frame: Frame
) -> RunStep | str:
    """Make one attempt; return the finished step, or the reason for a failure that may be retried."""
    try:
        async with asyncio.timeout(node.timeout_seconds):
            return await _once(work, action, config, step, frame)
    except TimeoutError:
        return f"It took longer than {node.timeout_seconds} seconds."
    except (RunEndedError, UnavailableError):
        raise
    except ValidationError as failure:
        # A retry would have the same wrong settings.
        return await work.fail(step, _explained(failure))
    except DomainError as failure:
        return str(failure)
    except Exception:
        logger.exception("the action %s failed", action.id, extra={"run": work.run.id, "path": step.path})
        return "An internal error; the server's log has it."


async def _once(work: Work, action: ActionType, config: Rendered, step: RunStep, frame: Frame) -> RunStep:
    is_last = step.path == work.last
    if action.perform is not None:
        origin = work.origin if work.definition.run_as is None else await work.read(work.limited)
        context = ActionContext(run=work.run, origin=origin, path=step.path, consumed={})
        result = _masked(work, await action.perform(await _filled(work, action, config), context))
        return await work.write(lambda unit: _recorded(work, unit, action, step, result), may_end=is_last)

    async def perform(unit: UnitOfWork) -> RunStep:
        assert action.perform_in is not None
        # A secret is redacted before the write itself, so that no row ever holds it.
        shown = _checked(action, work.tools.masker.mask(work.run.id, config.masked))
        await work.tools.journal.hold(unit, work.run.id)
        stored = await unit.runs.step(step.run_id, step.path)
        if stored is not None and stored.status.is_final:
            return work.keep(stored)
        consumed, origin = await _consumed(work, unit, action, frame), await work.limited(unit)
        context = ActionContext(run=work.run, origin=origin, path=step.path, consumed=consumed)
        return await _recorded(work, unit, action, step, await action.perform_in(unit, shown, context))

    return await work.write(perform, may_end=is_last)


async def _recorded(work: Work, unit: UnitOfWork, action: ActionType, step: RunStep, result: Result) -> RunStep:
    output = {"externalId": result.external_id, **result.details}
    produced = result.artifact
    if action.produces is not None and produced is not None:
        output["artifact"] = await _produced(work, unit, step, produced)
    output = {name: value for name, value in output.items() if value is not None}
    return await work.note_in(unit, work.finished(step, StepStatus.SUCCESS, output=output, error=None, due_at=None))


def _masked(work: Work, result: Result) -> Result:
    # At once: by the time of the write, the run may be over here and its secrets forgotten.
    mask = partial(work.tools.masker.mask, work.run.id)
    return replace(result, external_id=mask(result.external_id), details=mask(result.details))


async def _produced(work: Work, unit: UnitOfWork, step: RunStep, produced: Produced) -> Mapping[str, Any]:
    type_ = work.tools.actions.artifact(produced.type)
    if type_ is None or step.action_id is None:
        raise DomainError("An action that produces an artifact needs an id.")
    data = work.tools.masker.mask(work.run.id, type_.checked(produced.data))
    artifact = Artifact(
        id=new_id("art"),
        automation_id=work.run.automation_id,
        run_id=work.run.id,
        path=step.path,
        action_id=step.action_id,
        type=produced.type,
        data=data,
        owned=produced.owned,
        context_key=work.run.firing.context_key,
        created_at=unit.moment(),
    )
    await unit.artifacts.add(artifact, entity_id=produced.entity_id)
    return {"type": produced.type, "data": data, "owned": produced.owned}


async def _consumed(work: Work, unit: UnitOfWork, action: ActionType, frame: Frame) -> dict[str, Produced]:
    """Return what the action consumes: artifacts of this run, else those of earlier runs with the same context key."""
    consumed: dict[str, Produced] = {}
    key = work.run.firing.context_key
    for type_ in action.consumes:
        if type_ in frame.latest:
            consumed[type_] = frame.latest[type_]
        elif key is not None:
            former = await unit.artifacts.newest_open(work.run.automation_id, type_, context_key=key)
            if former is not None:
                consumed[type_] = Produced(type=type_, data=former.data, owned=former.owned)
    return consumed


async def _config(work: Work, node: ActionNode, frame: Frame) -> Rendered:
    now = work.tools.clock.now()
    return render(node.config, await work.rendering_scope(frame, node.config, now=now), now=now)


def _kept(work: Work, config: Rendered) -> str | None:
    """Return the settings for a resume, as text, which keeps the order of keys.

    Return None if the data holds the value of a secret: no row may hold it, so a resume renders them again.
    """
    known = work.tools.masker.mask(work.run.id, config.sealed) != config.sealed
    return None if known else json.dumps({"mark": config.mark, "sealed": config.sealed})


def _prepared(node: ActionNode, step: RunStep) -> Rendered | None:
    """Return the settings that the step began with: rendered now, `now` and health could differ."""
    if step.request is None:
        return None
    kept = json.loads(step.request)
    return Rendered(names=frozenset(secret_names(node.config)), sealed=kept["sealed"], mark=kept["mark"])


async def _filled(work: Work, action: ActionType, config: Rendered) -> BaseModel:
    """Return the settings with secrets filled in, if the action may see secrets; else with secrets redacted."""
    if not action.sees_secrets or not config.names:
        return _checked(action, work.tools.masker.mask(work.run.id, config.masked))
    values = await work.tools.secrets(config.names)
    work.tools.masker.register(work.run.id, values.values())
    return _checked(action, config.filled(values))


def _checked(action: ActionType, config: Mapping[str, Any]) -> BaseModel:
    return action.config.model.model_validate(action.config.migrated(config))


def _keep(node: ActionNode, step: RunStep, frame: Frame) -> None:
    if (concluded := concluded_by(step)) is not None:
        frame.concluded.add(concluded)
    artifact = (step.output or {}).get("artifact")
    if artifact is None or node.id is None:
        return
    local = artifact["type"].rpartition(".")[2]
    frame.artifacts.setdefault(node.id, {})[local] = artifact["data"]
    frame.latest[artifact["type"]] = Produced(type=artifact["type"], data=artifact["data"], owned=artifact["owned"])


def _explained(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    place = ".".join(str(part) for part in first["loc"])
    return f"The setting {place or 'config'} is not valid: {first['msg']}."
