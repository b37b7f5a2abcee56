"""A server without HTTP: automations, webhooks, notifications and what the clock brings."""

import asyncio
import signal
from collections.abc import Callable
from dataclasses import replace

from domain.bootstrap import running_domain
from domain.settings import Settings
from gql.app import create_app
from gql.cli.probing import probed
from gql.cli.running import run
from gql.cli.stopping import stops_in_time
from gql.cli.tracing import tracing
from gql.cli.workers import Place, Workers, settings_of_worker

_STOPPING = (signal.SIGINT, signal.SIGTERM)


def work(settings: Settings, *, say: Callable[[str], None]) -> int:
    """Work until a signal comes, by as many processes as the settings say; return the exit code.

    Raises:
        StartupError: the database cannot be used.
    """
    # Whoever starts this command wants them, whatever is set for the servers beside it.
    settings = replace(settings, automations=True, webhooks=True)
    if settings.workers == 1:
        run(_work(settings, say=say))
        return 0

    def main(place: Place) -> int:
        run(_work(settings_of_worker(settings, place), say=say, place=place))
        return 0

    return Workers(main, settings.workers).run()


async def _work(settings: Settings, *, say: Callable[[str], None], place: Place | None = None) -> None:
    async with tracing(settings) as tracer, running_domain(settings, tracer=tracer) as domain:
        app = create_app(domain)
        loop, stopping = asyncio.get_running_loop(), asyncio.Event()
        for number in _STOPPING:
            loop.add_signal_handler(number, stopping.set)
        with stops_in_time(_STOPPING):
            async with probed(app, settings, place):
                if place is None or place.greets:
                    say("IncidentQL runs automations and sends webhooks and notifications, without HTTP")
                if place is not None:
                    place.serves()
                await stopping.wait()
