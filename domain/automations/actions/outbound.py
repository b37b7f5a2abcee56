"""The outbound actions: requests and signed events, sent at least once, with one key for all attempts."""

from collections.abc import Mapping
from typing import Any

from domain.automations.actions.http import HttpRequestConfig, HttpSender
from domain.automations.actions.outputs import HttpOutput
from domain.automations.actions.registry import ActionContext, ActionRegistry, ActionType, Result, VersionedConfig
from domain.automations.actions.webhook import WebhookSendConfig, WebhookSender
from domain.clock import Clock
from domain.outbound.caller import HttpCaller, HttpResult
from domain.outbound.requests import url_fault

_CATEGORY = "Web"


class OutboundActions:
    """The actions `http.request` and `webhook.send`."""

    def __init__(self, caller: HttpCaller, clock: Clock) -> None:
        self._http = HttpSender(caller)
        self._webhook = WebhookSender(caller, clock)

    def register(self, registry: ActionRegistry) -> None:
        """Register the outbound actions."""
        registry.register(
            ActionType(
                id="http.request",
                display_name="HTTP Request",
                description="Sends a request to a web server.",
                category=_CATEGORY,
                icon="Globe",
                config=VersionedConfig(1, HttpRequestConfig),
                perform=self.request,
                faults={"url": url_fault},
                sees_secrets=True,
                output=HttpOutput,
                assumed=_assumed,
            )
        )
        registry.register(
            ActionType(
                id="webhook.send",
                display_name="Send Webhook",
                description="Sends a CloudEvent, signed as Standard Webhooks has it.",
                category=_CATEGORY,
                icon="Webhook",
                config=VersionedConfig(1, WebhookSendConfig),
                perform=self.send,
                faults={"url": url_fault},
                sees_secrets=True,
                output=HttpOutput,
                assumed=_assumed,
            )
        )

    async def request(self, config: HttpRequestConfig, context: ActionContext) -> Result:
        """Send the request."""
        return _result(await self._http.send(config, idempotency_key=context.idempotency_key))

    async def send(self, config: WebhookSendConfig, context: ActionContext) -> Result:
        """Send the event."""
        occurred_at = context.run.firing.occurred_at
        sent = await self._webhook.send(config, idempotency_key=context.idempotency_key, occurred_at=occurred_at)
        return _result(sent)


def _assumed(config: HttpRequestConfig | WebhookSendConfig) -> Mapping[str, Any]:
    """Return the answer that a dry run takes for the server's: an empty one of success."""
    expected = config.expect if isinstance(config, HttpRequestConfig) else ()
    status = expected[0] if expected else 200
    return {"status": status, "headers": {}, "truncated": False, "attempts": 1, "durationSeconds": 0.0}


def _result(answer: HttpResult) -> Result:
    details: Mapping[str, Any] = {
        "status": answer.status,
        "headers": dict(answer.headers),
        "body": answer.body,
        "truncated": answer.truncated,
        "attempts": answer.attempts,
        "durationSeconds": answer.duration_seconds,
    }
    return Result(details=details)
