"""The bodies of deliveries: JSON, and the other forms in which senders put theirs."""

from collections.abc import AsyncGenerator
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.formparsers import MultiPartException, MultiPartParser
from starlette.requests import Request

from domain.model.integration import IntegrationType
from gql.requests.bodies import decode

_FORM = "multipart/form-data"
#: The part of a form in which Uptime Kuma puts its JSON.
_PART = "data"
_MOST_PARTS = 20


async def body_of(kind: IntegrationType, request: Request, text: bytes) -> object:
    """Return what a delivery says.

    Raises:
        ValueError: it is no JSON, and in no other form of its sender's.
    """
    if kind is IntegrationType.CLOUDEVENTS:
        return _event(request, text)
    if kind is IntegrationType.HEALTHCHECKS and request.method == "GET":
        return {name: value for name, value in request.query_params.items() if name != "token"}
    content_type = request.headers.get("content-type", "")
    if kind is IntegrationType.UPTIME_KUMA and content_type.lower().startswith(_FORM):
        return decode(await _part(content_type, text))
    return decode(text)


def _event(request: Request, text: bytes) -> object:
    """Return a CloudEvent in the structured form, also where it came in the binary one."""
    if "ce-specversion" not in request.headers:
        return decode(text)
    media = request.headers.get("content-type", "application/json").partition(";")[0].strip().lower()
    data = decode(text) if text and (media.endswith(("/json", "+json"))) else text.decode(errors="replace")
    return {**_attributes(request.headers), "datacontenttype": media, "data": data}


def _attributes(headers: Headers) -> dict[str, str]:
    # Characters beyond ASCII are percent-encoded there (CloudEvents' HTTP binding, 3.1.3.2).
    return {name.removeprefix("ce-"): unquote(value) for name, value in headers.items() if name.startswith("ce-")}


async def _part(content_type: str, text: bytes) -> str:
    """Return the part of a form that has the JSON (RFC 7578)."""
    if "charset" in content_type.lower():
        # No sender names one, and some of Python's take minutes for a hostile text.
        raise ValueError("a form is in UTF-8")

    async def whole() -> AsyncGenerator[bytes, None]:
        yield text

    headers = Headers({"content-type": content_type})
    parser = MultiPartParser(headers, whole(), max_files=0, max_fields=_MOST_PARTS, max_part_size=len(text))
    try:
        # Without files, each part is a text.
        return str((await parser.parse())[_PART])
    except (MultiPartException, KeyError) as error:
        raise ValueError("the form has no part with the JSON") from error
