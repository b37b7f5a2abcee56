"""The bodies of deliveries: JSON, and the other forms in which senders put theirs."""

from email.parser import BytesParser
from email.policy import HTTP
from urllib.parse import unquote

from starlette.datastructures import Headers
from starlette.requests import Request

from domain.model.integration import IntegrationType
from gql.requests.bodies import decode

_FORM = "multipart/form-data"
#: The part of a form in which Uptime Kuma puts its JSON.
_PART = "data"


def body_of(kind: IntegrationType, request: Request, text: bytes) -> object:
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
        return decode(_part(content_type, text))
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


def _part(content_type: str, text: bytes) -> bytes:
    """Return the part of a form that has the JSON (RFC 7578)."""
    head = f"Content-Type: {content_type}\r\n\r\n".encode("latin-1")
    for part in BytesParser(policy=HTTP).parsebytes(head + text).iter_parts():
        if part.get_param("name", header="content-disposition") == _PART:
            content = part.get_payload(decode=True)
            return content if isinstance(content, bytes) else b""
    raise ValueError("the form has no part with the JSON")
