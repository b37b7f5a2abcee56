"""The interpreter of definitions; every decision is recorded, so that a replay of a run decides the same."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from domain.automations.conditions.model import Condition
from domain.automations.definitions.definition import (
    Action,
    ActionNode,
    ChooseNode,
    ConditionNode,
    DelayNode,
    IfNode,
    ParallelNode,
    RepeatNode,
    SequenceNode,
    StepNode,
    StopNode,
    VariablesNode,
    WaitForTriggerNode,
    WaitUntilNode,
    kind_of,
)
from domain.automations.expressions.errors import ExpressionError
from domain.automations.expressions.language import compile_expression
from domain.automations.expressions.rendering import render
from domain.automations.running.acting import act
from domain.automations.running.frame import Frame
from domain.automations.running.together import all_of
from domain.automations.running.waiting import delay, wait_for_trigger, wait_until
from domain.automations.running.work import StepFailedError, StopError, Work, settled
from domain.model.automation import RunStep, StepStatus

#: The kinds of steps whose success, as the last step, ends the run.
_SINGLE = (ActionNode, DelayNode, VariablesNode, WaitForTriggerNode, WaitUntilNode)


class Interpreter:
    """The interpreter of one run; on a resume, finished steps only take effect again."""

    def __init__(self, work: Work) -> None:
        self._work = work

    async def run(self) -> None:
        """Run all steps.

        Raises:
            StepFailedError: one failed, and nothing says that the run goes on.
            StopError: a step ended the run.
            RunEndedError: the run was cancelled.
        """
        actions = self._work.definition.actions
        if actions and isinstance(actions[-1], _SINGLE):
            self._work.last = f"actions[{len(actions) - 1}]"
        await self._walk(actions, "actions", Frame())

    async def _walk(self, nodes: Sequence[StepNode], path: str, frame: Frame) -> None:
        for index, node in enumerate(nodes):
            await self._visit(node, f"{path}[{index}]", frame)

    async def _visit(self, node: StepNode, path: str, frame: Frame) -> None:
        if not node.enabled:
            await self._disabled(node, path)
            return
        try:
            await self._do(node, path, frame)
        except StepFailedError as failure:
            frame.leave(node, self._work.known(path), error=str(failure))
            if not node.continue_on_error:
                raise
        else:
            frame.leave(node, self._work.known(path))

    async def _do(self, node: StepNode, path: str, frame: Frame) -> None:
        match node:
            case ActionNode():
                await act(self._work, node, path, frame)
            case WaitUntilNode():
                await wait_until(self._work, node, path, frame)
            case WaitForTriggerNode():
                await wait_for_trigger(self._work, node, path, frame)
            case DelayNode():
                await delay(self._work, node, path, frame)
            case VariablesNode():
                await self._variables(node, path, frame)
            case ConditionNode():
                await self._condition(node, path, frame)
            case StopNode():
                await self._stop(node, path)
            case _:
                await self._contain(node, path, frame)

    async def _contain(self, node: StepNode, path: str, frame: Frame) -> None:
        match node:
            case ChooseNode():
                await self._choose(node, path, frame)
            case IfNode():
                await self._if(node, path, frame)
            case ParallelNode():
                await self._parallel(node, path, frame)
            case RepeatNode():
                await self._repeat(node, path, frame)
            case SequenceNode():
                await self._walk(node.sequence, f"{path}.sequence", frame)

    async def _disabled(self, node: StepNode, path: str) -> None:
        if self._work.known(path) is None:
            step = self._work.begun(path, str(kind_of(node)), action_id=node.id)
            await self._work.note(self._work.finished(step, StepStatus.SKIPPED, output={"reason": "disabled"}))

    async def _variables(self, node: VariablesNode, path: str, frame: Frame) -> None:
        async def decide() -> dict[str, Any]:
            now = self._work.tools.clock.now()
            scope = await self._work.rendering_scope(frame, node.variables, now=now)
            return dict(render(node.variables, scope, now=now).masked)

        step = self._work.begun(path, "variables", action_id=node.id)
        frame.variables |= await self._decided(step, decide)

    async def _condition(self, node: ConditionNode, path: str, frame: Frame) -> None:
        if not await self._checked(node.condition, self._work.begun(path, "condition", action_id=node.id), frame):
            raise StopError(f"The condition at {path} does not hold.")

    async def _stop(self, node: StopNode, path: str) -> None:
        step = self._work.begun(path, "stop", action_id=node.id)
        reason = node.stop.reason or f"Stopped at {path}."
        if not step.status.is_final:
            await self._work.succeed(step, {"reason": reason, "error": node.stop.error})
        raise StopError(reason, failed=node.stop.error)

    async def _choose(self, node: ChooseNode, path: str, frame: Frame) -> None:
        async def decide() -> dict[str, Any]:
            seen: list[Any] = []
            for index, branch in enumerate(node.choose):
                try:
                    verdict = await self._work.evaluate(branch.when, frame)
                except ExpressionError as error:
                    raise ExpressionError(f"choose[{index}].when: {error}") from error
                seen.append(verdict.details)
                if verdict.value:
                    return {"matchedBranch": index, "conditions": seen}
            return {"matchedBranch": None, "conditions": seen}

        step = self._work.begun(path, "choose", action_id=node.id)
        matched = (await self._decided(step, decide))["matchedBranch"]
        if matched is not None:
            await self._walk(node.choose[matched].sequence, f"{path}.choose[{matched}].sequence", frame)
        else:
            await self._walk(node.else_ or [], f"{path}.else", frame)

    async def _if(self, node: IfNode, path: str, frame: Frame) -> None:
        if await self._checked(node.condition, self._work.begun(path, "if", action_id=node.id), frame):
            await self._walk(node.then, f"{path}.then", frame)
        else:
            await self._walk(node.else_ or [], f"{path}.else", frame)

    async def _checked(self, condition: Condition, step: RunStep, frame: Frame) -> bool:
        """Return whether the condition holds, or held when the step came to it before."""

        async def decide() -> dict[str, Any]:
            verdict = await self._work.evaluate(condition, frame)
            return {"value": verdict.value, "condition": verdict.details}

        return bool((await self._decided(step, decide))["value"])

    async def _parallel(self, node: ParallelNode, path: str, frame: Frame) -> None:
        frames = [frame.fork() for _ in node.parallel]
        errors = await all_of(
            [
                self._branch(branch, f"{path}.parallel[{index}]", frames[index])
                for index, branch in enumerate(node.parallel)
            ]
        )
        frame.join(frames)
        step = self._work.begun(path, "parallel", action_id=node.id)
        failed = [error for error in errors if error is not None]
        if not step.status.is_final:
            status = StepStatus.FAILED if failed else StepStatus.SUCCESS
            output = {"failed": len(failed), "branches": len(errors)}
            step = self._work.finished(step, status, output=output, error=failed[0] if failed else None)
            step = await self._work.note(step)
        settled(step)

    async def _branch(self, node: Action, path: str, frame: Frame) -> str | None:
        """Run one branch beside others, and return why it failed; a stop ends the branch alone."""
        try:
            await self._visit(node, path, frame)
        except StepFailedError as error:
            return str(error)
        except StopError as stop:
            return str(stop) if stop.failed else None
        return None

    async def _repeat(self, node: RepeatNode, path: str, frame: Frame) -> None:
        repeat, outer = node.repeat, frame.repeat
        items = await self._items(node, path, frame) if repeat.for_each is not None else None
        rounds = repeat.count or (len(items) if items is not None else repeat.max_iterations)
        try:
            for index in range(rounds):
                frame.repeat = {"index": index, "first": index == 0}
                if items is not None:
                    frame.repeat["item"] = items[index]
                place = f"{path}.repeat[{index}]"
                if repeat.while_ is not None and not await self._holds(repeat.while_, f"{place}.while", frame):
                    return
                await self._walk(repeat.sequence, f"{place}.sequence", frame)
                if repeat.until is not None and await self._holds(repeat.until, f"{place}.until", frame):
                    return
        finally:
            frame.repeat = outer

    async def _items(self, node: RepeatNode, path: str, frame: Frame) -> list[Any]:
        """Return the list that the loop goes over: as recorded when it began."""
        given = node.repeat.for_each
        assert given is not None

        async def decide() -> dict[str, Any]:
            now = self._work.tools.clock.now()
            if isinstance(given, list):
                scope = await self._work.rendering_scope(frame, given, now=now)
                return {"items": render(given, scope, now=now).masked}
            seen = self._work.scope(frame)
            scope = await self._work.read(lambda session: self._work.enriched(session, seen, given, now=now))
            items = compile_expression(given).value(scope, now=now)
            if not isinstance(items, list | tuple):
                raise ExpressionError("for_each needs a list.")
            return {"items": list(items)}

        step = self._work.begun(path, "repeat", action_id=node.id)
        return list((await self._decided(step, decide))["items"])

    async def _holds(self, condition: str, path: str, frame: Frame) -> bool:
        """Return whether the loop's condition holds; an error counts as no."""

        async def decide() -> dict[str, Any]:
            try:
                verdict = await self._work.evaluate(condition, frame)
            except ExpressionError as error:
                return {"value": False, "error": str(error)}
            return {"value": verdict.value, "condition": verdict.details}

        return bool((await self._decided(self._work.begun(path, "repeat"), decide))["value"])

    async def _decided(self, step: RunStep, decide: Callable[[], Awaitable[dict[str, Any]]]) -> dict[str, Any]:
        """Return the step's recorded decision, or decide now and record it.

        Raises:
            StepFailedError: it has no value.
        """
        if not step.status.is_final:
            try:
                output = await decide()
            except ExpressionError as error:
                step = await self._work.fail(step, str(error))
            else:
                step = await self._work.succeed(step, output)
        return dict(settled(step).output or {})
