"""The action `notify`: a message to people through a channel, sent at least once, with one id for all attempts."""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable, Mapping
from random import SystemRandom
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from domain.automations.actions.outputs import Output
from domain.automations.actions.registry import (
    ActionContext,
    ActionFailedError,
    ActionRegistry,
    ActionType,
    Result,
    VersionedConfig,
)
from domain.automations.actions.settings import Text
from domain.clock import Clock
from domain.model.channel import Message
from domain.model.silence import Silence, Topic
from domain.model.texts import MESSAGE_LENGTH, TITLE_LENGTH, fitted_line, fitted_text
from domain.notifications.channels import ChannelService
from domain.notifications.errors import NotSentError
from domain.persistence.database import Database
from domain.services.silences import silenced

_FIRST_WAIT_SECONDS = 0.5
_LONGEST_WAIT_SECONDS = 20.0
_chance = SystemRandom().random


class NotifyConfig(BaseModel):
    """The settings of `notify`."""

    model_config = ConfigDict(extra="forbid", frozen=True, alias_generator=to_camel, populate_by_name=True)

    channel: Text = Field(min_length=1, max_length=200, description="The channel, by name or by id.")
    title: Text = Field(description="Its title: one line, cut after 200 characters; some services show none.")
    body: Text = Field(min_length=1, description="Its text, cut after 25,000 characters, or what the service takes.")
    about: Topic | None = Field(
        default=None,
        description=(
            "What it is about: `health` of the trigger's system, which is silent while that is under maintenance or an "
            "open incident on it suppresses notifications; an `incident`, which is never silent; or a `reminder` of "
            "one, which is silent while that is snoozed. Unless given, `health` where the trigger is one of systems, "
            "else `incident`."
        ),
    )
    incident_id: Text | None = Field(
        default=None, description="The incident that it reminds of; unless given, that of the trigger."
    )
    retries: int = Field(
        default=3, ge=0, le=5, description="How often to try again where the service did not answer, or is too busy."
    )


class NotifyOutput(Output):
    """The output of `notify`."""

    external_id: str = Field(description="The message's id, which services get that have a place for it.")
    channel: str = Field(description="The channel's name.")
    attempts: int = Field(description="How often it was sent.")
    skipped: Silence | None = Field(default=None, description="Why it was not sent; missing where it was.")


class NotifyActions:
    """The action `notify`."""

    def __init__(
        self,
        channels: ChannelService,
        database: Database,
        clock: Clock,
        *,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        chance: Callable[[], float] = _chance,
    ) -> None:
        self._channels = channels
        self._database = database
        self._clock = clock
        self._sleep = sleep
        self._chance = chance

    def register(self, registry: ActionRegistry) -> None:
        """Register the action."""
        registry.register(
            ActionType(
                id="notify",
                display_name="Notify",
                description="Sends a message to people through a channel.",
                category="Notifications",
                icon="Bell",
                config=VersionedConfig(1, NotifyConfig),
                perform=self.notify,
                output=NotifyOutput,
                assumed=_assumed,
            )
        )

    async def notify(self, config: NotifyConfig, context: ActionContext) -> Result:
        """Send the message, unless it is silenced."""
        message = _message(config, context.idempotency_key)
        silence = await self._silence(config, context)
        if silence is not None:
            return _result(message, channel=config.channel, attempts=0, skipped=silence.value)
        attempts = 1
        while True:
            try:
                channel = await self._channels.send(config.channel, message)
            except NotSentError as error:
                if attempts > config.retries or not error.passes:
                    raise
            else:
                return _result(message, channel=channel.name, attempts=attempts)
            await self._sleep(self._wait_seconds(attempts))
            attempts += 1

    async def _silence(self, config: NotifyConfig, context: ActionContext) -> Silence | None:
        firing = context.run.firing
        of_systems = Topic.HEALTH if firing.event.startswith("system.") else Topic.INCIDENT
        system_id, incident_id = (firing.payload.get(name) for name in ("systemId", "incidentId"))
        return await self._database.read(
            lambda session: silenced(
                session,
                config.about or of_systems,
                system_id=system_id if isinstance(system_id, str) else None,
                incident_id=config.incident_id or (incident_id if isinstance(incident_id, str) else None),
                now=self._clock.now(),
            )
        )

    def _wait_seconds(self, attempts: int) -> float:
        backoff: float = min(_FIRST_WAIT_SECONDS * 2 ** (attempts - 1), _LONGEST_WAIT_SECONDS)
        return backoff * (0.5 + self._chance() / 2)


def _message(config: NotifyConfig, idempotency_key: str) -> Message:
    body = fitted_text(config.body, longest=MESSAGE_LENGTH)
    if body is None:
        raise ActionFailedError("The body has come to nothing.", field=["body"])
    return Message(
        title=fitted_line(config.title, longest=TITLE_LENGTH) or "",
        body=body,
        id=f"msg_{hashlib.sha256(idempotency_key.encode()).hexdigest()[:32]}",
    )


def _result(message: Message, **details: Any) -> Result:
    return Result(external_id=message.id, details=details)


def _assumed(config: NotifyConfig) -> Mapping[str, Any]:
    """Return the output that a dry run takes for it: it was sent."""
    return {"externalId": "msg_0", "channel": config.channel, "attempts": 1}
