"""The tracer of a process, where the operator wants one and its library is installed."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from domain.errors import StartupError
from domain.settings import Settings
from domain.tracing import Tracer
from gql.cli.running import late

logger = logging.getLogger(__name__)

#: OpenTelemetry's own variables for where spans go.
_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_DISABLED = "OTEL_SDK_DISABLED"
_MISSING = "traces need an extra of the installation: pip install 'incidentql[otel]'"


@asynccontextmanager
async def tracing(settings: Settings, environment: Mapping[str, str] = os.environ) -> AsyncIterator[Tracer | None]:
    """Yield the tracer; None where nobody says where spans go.

    Raises:
        StartupError: the setting says so, and the library is not installed.
    """
    is_disabled = environment.get(_DISABLED, "").lower() == "true"
    if is_disabled or not (settings.traces_url or any(environment.get(name) for name in _ENDPOINTS)):
        yield None
        return
    tracer = _made(settings)
    try:
        yield tracer
    finally:
        if tracer is not None:
            await asyncio.to_thread(tracer.close)


def _made(settings: Settings) -> Any:
    try:
        make_tracer = late("gql.cli.otel", "make_tracer")
    except ModuleNotFoundError as error:
        if settings.traces_url is None:
            # The variables are for all programs of a machine.
            logger.warning("no traces: %s", _MISSING)
            return None
        raise StartupError(f"INCIDENTQL_TRACES_URL: {_MISSING}.") from error
    return make_tracer(settings.traces_url, with_documents=settings.trace_documents)
