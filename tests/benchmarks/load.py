"""The load client, compiled on this machine and run on core 1; each run prints one JSON object."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.servers import CLIENT_CORE, FOLDER, TOKEN, Running

_SOURCE = FOLDER / "fanout_client.c"
_ITEM = "incident { id title status severity%s }"
EVENTS = f"incidentEvents {{ id type incidentId cursor {_ITEM} }}"
CHANGES = f"incidentChanges {{ id action incidentId cursor {_ITEM} }}"
#: Of one item: each write puts one, and removes the one before, as where a list is full.
LIST = f"incidentList(first: 1) {{ cursor totalCount changes {{ action index previousIndex incidentId {_ITEM} }} }}"
#: Longer ones: the list that is kept is larger, what is sent is the same.
LONG_LIST = LIST.replace("first: 1", "first: 100")
_CREATE = "mutation ($input: CreateIncidentInput!) { createIncident(input: $input) { incident { id } } }"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """The load that one run puts on a server."""

    sockets: int
    events: int
    stalled: int = 0
    #: Writes before there are subscribers, then with one: what a write and what an event cost by themselves.
    alone: int = 0
    #: Events a second; 0 makes the next one when everybody has the last one.
    rate: float = 0
    #: How much text the incident of an event carries besides.
    fat_bytes: int = 0
    seconds: float = 60
    #: What the sockets subscribe to; its incident has a place for more fields.
    subscribe: str = EVENTS


def compiled(folder: Path) -> Path:
    """Compile the client and return its path.

    Raises:
        RuntimeError: there is no gcc, or it does not like the source.
    """
    if shutil.which("gcc") is None:
        raise RuntimeError("no gcc on PATH, and the load client is written in C")
    program = folder / "fanout_client"
    done = subprocess.run(
        ["gcc", "-O2", "-Wall", "-o", str(program), str(_SOURCE)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(done.stderr)
    return program


def run(program: Path, server: Running, load: Load, folder: Path) -> dict[str, Any]:
    """Run the client and return its measurements.

    Raises:
        RuntimeError: it failed, or gave up.
    """
    process = started(program, server, load, folder)
    try:
        output, complaints = process.communicate(timeout=load.seconds + 30)
    except subprocess.TimeoutExpired as error:
        raise RuntimeError("the load client does not end") from error
    finally:
        process.kill()
    if process.returncode:
        raise RuntimeError(complaints.strip()[:300] or f"the load client ended with {process.returncode}")
    result: dict[str, Any] = json.loads(output)
    if not result["complete"]:
        raise RuntimeError(f"only {result['delivered']} messages arrived. {complaints.strip()[:200]}")
    return result


def started(program: Path, server: Running, load: Load, folder: Path) -> subprocess.Popen[str]:
    """Start the client."""
    fields = load.subscribe % (" description" if load.fat_bytes else "")
    incident = {"title": "Checkout fails @MARK@", "severity": "MAJOR", "systemIds": ["payments"]}
    if load.fat_bytes:
        incident["description"] = "x" * load.fat_bytes
    (folder / "subscribe.json").write_text(
        json.dumps({"query": f"subscription Events {{ {fields} }}", "operationName": "Events"})
    )
    (folder / "write.json").write_text(json.dumps({"query": _CREATE, "variables": {"input": incident}}))
    options = {
        "port": server.port,
        "pid": server.pid,
        "subscribe": folder / "subscribe.json",
        "write": folder / "write.json",
        "token": TOKEN,
        "sockets": load.sockets,
        "stalled": load.stalled,
        "events": load.events,
        "alone": load.alone,
        "rate": load.rate,
        "seconds": load.seconds,
    }
    command = ["taskset", "-c", str(CLIENT_CORE), str(program), *(f"{name}={value}" for name, value in options.items())]
    return subprocess.Popen(command, env=dict(os.environ), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
