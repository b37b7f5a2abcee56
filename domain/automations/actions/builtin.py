"""The built-in actions without a domain of their own: a line in the log."""

import logging
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from domain.automations.actions.outputs import Output
from domain.automations.actions.registry import ActionContext, ActionRegistry, ActionType, Result, VersionedConfig
from domain.automations.actions.settings import Text

logger = logging.getLogger(__name__)

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}


class LogConfig(BaseModel):
    """The settings of `log`."""

    model_config = ConfigDict(extra="forbid")

    message: Text = Field(min_length=1, max_length=10_000, description="The line.")
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="How much it matters.")


def register_builtin_actions(registry: ActionRegistry) -> None:
    """Register the built-in actions."""
    registry.register(
        ActionType(
            id="log",
            display_name="Log",
            description="Writes a line to the server's log.",
            category="Tools",
            icon="ScrollText",
            config=VersionedConfig(1, LogConfig),
            perform=_log,
            output=Output,
        )
    )


async def _log(config: LogConfig, context: ActionContext) -> Result:
    extra = {"run": context.run.id, "automation": context.run.automation_id}
    logger.log(_LEVELS[config.level], "%s", config.message, extra=extra)
    return Result()
