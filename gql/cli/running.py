"""What all commands share: late imports, settings from options and environment, the loop, failures as one line."""

import asyncio
import logging
import os
import sys
from collections.abc import Coroutine
from importlib import import_module
from typing import Annotated, Any

import typer
import uvloop

from domain.errors import DomainError
from domain.settings import Settings

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        help="Where the data is: sqlite:///file.db or postgresql://user@host/name. "
        "(default: sqlite:///incidentql.db, or INCIDENTQL_DATABASE_URL)",
        show_default=False,
    ),
]


def late(module: str, name: str) -> Any:
    """Import a part of the program when it is asked for.

    All of it takes seconds of CPU to import, too long for help, the version and a misspelt option.
    """
    return getattr(import_module(module), name)


def settings_of(**overrides: Any) -> Settings:
    """The settings of the environment with these options over them; the log is set up by them."""
    settings = Settings.from_environment(**overrides)
    logging.basicConfig(level=settings.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    for noisy in ("alembic", "uvicorn.access", "httpcore", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Their warnings are about what clients send: anybody could fill the log with them.
    for talkative in ("uvicorn.error", "strawberry.ws"):
        logging.getLogger(talkative).setLevel(logging.ERROR)
    return settings


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command to its end; what it cannot do is one line and exit code 2."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)
    except DomainError as error:
        fail(error.message)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # `incidentql events | head` has read enough; what is buffered has nowhere to go at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def fail(message: str) -> None:
    """End with a line and exit code 2."""
    typer.echo(f"incidentql: {message}", err=True)
    raise SystemExit(2)
