"""The forms of the log: lines for people, and JSON for programs, one object a line."""

import logging
from datetime import UTC, datetime
from typing import Any

import orjson
from typing_extensions import override

from domain.model.moment import iso
from domain.tracing import trace_id
from gql.requests.current import current

_FOR_PEOPLE = "%(asctime)s %(levelname)s %(name)s: %(message)s"
#: Members of records that parts of the server set by `extra`.
_EXTRAS = ("request_id", "operation", "millis", "attempt")


class JsonFormatter(logging.Formatter):
    """A formatter that writes a record as an object: the time, the level, the logger, the message, and the request."""

    @override
    def format(self, record: logging.LogRecord) -> str:
        said: dict[str, Any] = {
            "time": iso(datetime.fromtimestamp(record.created, UTC)),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "trace_id": trace_id(),
        }
        request = current.get()
        if request is not None:
            said |= {"request_id": request.request_id, "operation": request.operation, "viewer": request.viewer}
        said |= {name: value for name in _EXTRAS if (value := getattr(record, name, None)) is not None}
        if record.exc_info:
            said["exception"] = self.formatException(record.exc_info)
        given = {name: value for name, value in said.items() if value is not None}
        return orjson.dumps(given, default=str).decode()


def set_up_log(*, level: str, form: str) -> None:
    """Write the log to stderr in a form, `text` or `json`; a log that is set up already stays as it is."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter() if form.lower() == "json" else logging.Formatter(_FOR_PEOPLE))
    logging.basicConfig(level=level.upper(), handlers=[handler])
