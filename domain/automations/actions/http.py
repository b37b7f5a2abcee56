"""The action `http.request`: a request to any web server."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, JsonValue, model_validator

from domain.automations.actions.settings import Text
from domain.automations.expressions.durations import Seconds
from domain.outbound.caller import CallRules, HttpCaller, HttpResult
from domain.outbound.requests import OutgoingRequest, checked_headers, checked_url, json_bytes

Status = Annotated[int, Field(ge=200, le=599)]
RETRY_ON = (429, 502, 503, 504)


class HttpRequestConfig(BaseModel):
    """The settings of `http.request`."""

    # Neither errors nor representations show values that may hold secrets.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=True)

    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] = Field(
        default="GET", description="The method of the request."
    )
    url: Text = Field(
        min_length=1,
        max_length=8_000,
        repr=False,
        description="An absolute http or https address. It may hold secrets.",
    )
    headers: dict[str, Text] = Field(
        default_factory=dict, max_length=50, repr=False, description="Headers to send. They may hold secrets."
    )
    query: dict[str, Text] = Field(
        default_factory=dict, max_length=50, repr=False, description="Parameters to add to the address."
    )
    json_body: JsonValue = Field(
        default=None, alias="json", repr=False, description="A body to send as JSON; leave it out for none."
    )
    body: Text | None = Field(
        default=None, max_length=1_000_000, repr=False, description="A body to send as it is, instead of `json`."
    )
    timeout_seconds: Seconds = Field(
        default=15.0,
        gt=0,
        le=60,
        description="How long one attempt may take, redirects and body included.",
    )
    retries: int = Field(
        default=2, ge=0, le=5, description="How often to try again when there is no answer, or one of `retry_on`."
    )
    retry_on: tuple[Status, ...] = Field(
        default=RETRY_ON, max_length=50, description="Statuses after which to try again; Retry-After is respected."
    )
    expect: tuple[Status, ...] = Field(
        default=(), max_length=50, description="Statuses that are a success; 200 to 299 when nothing is said."
    )
    follow_redirects: bool = Field(
        default=False,
        description="Whether to go where the answer points, three times at most; headers and body stay with the "
        "server that they were meant for.",
    )

    @model_validator(mode="after")
    def _has_one_body(self) -> Self:
        if self.has_json and self.body is not None:
            raise ValueError("give `json` or `body`, not both")
        return self

    @property
    def has_json(self) -> bool:
        """True if there is JSON to send, even null."""
        return "json_body" in self.model_fields_set

    @property
    def rules(self) -> CallRules:
        """The timeout and retries of the call."""
        return CallRules(
            timeout_seconds=self.timeout_seconds,
            retries=self.retries,
            retry_on=frozenset(self.retry_on),
            expect=frozenset(self.expect),
            follow_redirects=self.follow_redirects,
        )


class HttpSender:
    """A sender for the action `http.request`."""

    def __init__(self, caller: HttpCaller) -> None:
        self._caller = caller

    async def send(self, config: HttpRequestConfig, *, idempotency_key: str) -> HttpResult:
        """Send the request with its secrets filled in, and return the answer; the key makes repeats idempotent.

        Raises:
            RequestFailedError: there was another answer, or none.
            AddressRefusedError: the server is an internal one.
            InvalidInputError: the address or a header is none.
        """
        request = _request(config, idempotency_key)
        return await self._caller.call(lambda: request, config.rules)


def _request(config: HttpRequestConfig, idempotency_key: str) -> OutgoingRequest:
    content: bytes | None = None
    kind: dict[str, str] = {}
    if config.has_json:
        content, kind = json_bytes(config.json_body, field="json"), {"content_type": "application/json"}
    elif config.body is not None:
        content, kind = config.body.encode(errors="replace"), {"content_type": "text/plain; charset=utf-8"}
    return OutgoingRequest(
        method=config.method,
        url=checked_url(config.url, config.query),
        headers=checked_headers(config.headers, idempotency_key=idempotency_key, **kind),
        content=content,
    )
