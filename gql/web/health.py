"""Routes for probes: liveness, readiness, and the health of the database."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from domain.bootstrap import Domain

_UNAVAILABLE = 503
_NOT_KEPT = {"cache-control": "no-store"}


class Health:
    """The routes `/livez`, `/readyz` and `/health`; each answers within two seconds."""

    def __init__(self, domain: Domain, *stopping: asyncio.Event) -> None:
        self._readiness = domain.readiness
        self._stopping = stopping

    def routes(self) -> list[Route]:
        """Return all three routes."""
        return [
            Route("/livez", self._livez),
            Route("/readyz", self._readyz),
            Route("/health", self._health),
        ]

    async def _livez(self, _: Request) -> Response:
        # A process that gets here is alive; restarting it would not bring a database back.
        return JSONResponse({"status": "alive"}, headers=_NOT_KEPT)

    async def _readyz(self, _: Request) -> Response:
        reasons = list(await self._readiness.reasons())
        if any(event.is_set() for event in self._stopping):
            reasons.append("The server is stopping.")
        if reasons:
            return JSONResponse({"status": "not ready", "reasons": reasons}, _UNAVAILABLE, headers=_NOT_KEPT)
        remarks = self._readiness.remarks()
        return JSONResponse({"status": "ready", **({"remarks": remarks} if remarks else {})}, headers=_NOT_KEPT)

    async def _health(self, _: Request) -> Response:
        if await self._readiness.is_database_there():
            return JSONResponse({"status": "ok"}, headers=_NOT_KEPT)
        return JSONResponse({"status": "unavailable"}, _UNAVAILABLE, headers=_NOT_KEPT)
