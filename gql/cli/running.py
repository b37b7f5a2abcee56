"""The parts that all commands share: late imports, settings, the event loop, and failures as one line."""

import asyncio
import gc
import logging
import os
import sys
import warnings
from collections.abc import Coroutine
from importlib import import_module
from typing import Annotated, Any

import typer
import uvloop

from domain.errors import DomainError
from domain.settings import Settings
from gql.cli.log_lines import set_up_log

DatabaseUrl = Annotated[
    str | None,
    typer.Option(
        help="Where the data is: sqlite:///file.db or postgresql://user@host/name. "
        "(default: sqlite:///incidentql.db, or INCIDENTQL_DATABASE_URL)",
        show_default=False,
    ),
]


BroadcastUrl = Annotated[
    str | None,
    typer.Option(
        help="How processes wake each other: memory://, redis://host or postgresql://host/name. (default: memory://)",
        show_default=False,
    ),
]
Workers = Annotated[
    int | None, typer.Option(help="How many processes share the work. (default: 1)", show_default=False)
]


def late(module: str, name: str) -> Any:
    """Import a part of the program on use and return a name of it.

    Importing all of it takes a second of CPU, too long for help, the version or a misspelt option.
    """
    # What modules make stays for good: to look for garbage in it, again and again, would take a fifth of that second.
    gc.disable()
    try:
        return getattr(import_module(module), name)
    finally:
        gc.freeze()
        gc.enable()


def settings_of(**overrides: Any) -> Settings:
    """Return the settings of the environment, overridden by these options, and set up the log."""
    settings = Settings.from_environment(**overrides)
    set_up_log(level=settings.log_level, form=settings.log_format)
    for noisy in ("alembic", "uvicorn.access", "httpcore", "httpx"):
        logging.getLogger(noisy).setLevel(logging.WARNING)
    # Their warnings are about messages of clients, so that any client could fill the log.
    for talkative in ("uvicorn.error", "strawberry.ws", "mcp"):
        logging.getLogger(talkative).setLevel(logging.ERROR)
    # Fields whose operation fails or is cancelled before their tasks started; graphql-core leaves them unawaited.
    warnings.filterwarnings("ignore", "coroutine '[^']*_async_resolver' was never awaited", RuntimeWarning)
    return settings


def run(work: Coroutine[Any, Any, None]) -> None:
    """Run a command to its end; print a failure as one line with exit code 2."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work)
    except DomainError as error:
        fail(error.message)
    except KeyboardInterrupt:
        raise typer.Exit(130) from None
    except BrokenPipeError:
        # `incidentql events | head` has read enough; the buffer cannot be flushed at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(0) from None


def fail(message: str) -> None:
    """Exit with one line and code 2."""
    typer.echo(f"incidentql: {message}", err=True)
    raise SystemExit(2)
