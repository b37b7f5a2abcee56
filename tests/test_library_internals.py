"""Names that libraries keep to themselves and we build on: each with its reason, and each still where it was.

What fails here after an upgrade names the thing that moved. A new use of such a name fails until it is listed.
"""

import ast
import dis
import inspect
from collections.abc import Iterator
from importlib import import_module
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from dbos import DBOSClient
from dbos._core import execute_dequeued_workflow
from dbos._sys_db import SystemDatabase

ROOT = Path(__file__).parent.parent

#: Names that begin with an underscore.
PRIVATE = {
    "dbos._core:execute_dequeued_workflow": "nothing public runs what a claim returned",
    "dbos._dbos:DBOS._sys_db": "nothing public claims what is enqueued at once; the library's own look takes its time",
    "dbos._dbos:DBOS._background_jobs_stop_event": "its polls are ended: there is nothing that they could find",
    "dbos._sys_db:SystemDatabase._run_background_processes": "the same",
    "strawberry.schema.schema:Schema._schema": "the only access to graphql-core's own schema",
    "strawberry.schema.schema:Schema._get_execute_function": "executes within the deadline; there is no other hook",
    "strawberry.types.execution:ExecutionContext._provided_operation_name": "the public name guesses one",
    "strawberry.http.async_base_view:AsyncBaseHTTPView._stream_result": "SSE as the library writes it, resumable",
    "sqlalchemy.dialects.postgresql.asyncpg:AsyncAdapt_asyncpg_connection._prepared_statement_cache": (
        "the documented options for poolers apply to an engine, made before a pooler is detected"
    ),
    "sqlalchemy.dialects.postgresql.asyncpg:AsyncAdapt_asyncpg_connection._prepared_statement_name_func": "the same",
    "aiosqlite.core:Connection._conn": "SQLite's own connection, for what needs no thread",
    "aiosqlite.core:Connection._connect": "a connection that cannot open joins its thread; one without a thread opens",
    "aiosqlite.core:Connection._execute": "one call of the thread a statement, where the cursor makes three",
    "aiosqlite.core:Connection._thread": "it is made a daemon, so that no process waits for it",
    "aiosqlite.core:Connection._tx": "the thread's queue, which a connection without a thread replaces",
    "broadcaster:Broadcast._backend": "a connect that fails half-way leaves a backend connected",
    "httpx:AsyncHTTPTransport._pool": "there is no argument for the network below, where addresses are checked",
    "jinja2.runtime:Undefined._undefined_name": "the message says which name was not found",
}
#: Names without an underscore of classes without a promise of stability, and that a type checker does not see or would
#: take for new ones: they are set on objects, looked up by name, or replaced where they are not functions.
UNDOCUMENTED = {
    "dbos._dbos:DBOS.background_thread_stop_events": "its polls are ended: what is enqueued is known here",
    "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol.queue": "replaced by a smaller one",
    "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol.writable": "replaced, and waited for",
    "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol.transport": "frames go to it",
    "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol.conn": "its state and extensions",
    "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol.frames": "bounded in number",
    "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol.curr_msg_data_type": "text is UTF-8",
    "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol.handshake_initiated": "else refused",
    "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol.request": "freed once it is open",
    "uvicorn.protocols.websockets.websockets_sansio_impl:WebSocketsSansIOProtocol.response": "the same",
    "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol.pipeline": "bounded in number",
    "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol.headers": "bounded in number",
    "uvicorn.protocols.http.httptools_impl:HttpToolsProtocol.cycle": "the request in hand, to be refused",
    "uvicorn.protocols.http.httptools_impl:RequestResponseCycle.disconnected": "so that a refused request ends",
    "uvicorn.protocols.http.httptools_impl:RequestResponseCycle.message_event": "the same",
    "uvicorn.protocols.http.httptools_impl:RequestResponseCycle.response_started": "an answer is not written into one",
    "uvicorn.protocols.http.httptools_impl:RequestResponseCycle.response_complete": "the connection rests from then on",
    "uvicorn.protocols.http.httptools_impl:STATUS_LINE": "an answer that asks no application",
    "websockets.protocol:Protocol.state": "frames are written to open sockets only",
    "websockets.protocol:Protocol.extensions": "frames are written as they are, so nothing may transform them",
    "strawberry.subscriptions.protocols.graphql_transport_ws.handlers:BaseGraphQLTransportWSHandler"
    ".connection_init_timeout_task": "let go, because it holds its frames for as long as the socket is open",
    "strawberry.subscriptions.protocols.graphql_transport_ws.handlers:BaseGraphQLTransportWSHandler"
    ".operations": "counted, and asked for ids that are taken",
    "sqlalchemy.dialects.postgresql.asyncpg:PGDialect_asyncpg.do_ping": "one message instead of three",
    "sqlalchemy.dialects.postgresql.asyncpg:PGDialect_asyncpg.setup_asyncpg_json_codec": "in a transaction",
    "sqlalchemy.dialects.postgresql.asyncpg:PGDialect_asyncpg.setup_asyncpg_jsonb_codec": "the same",
}
#: Loggers whose levels we set by name, or by that of a parent: where the library takes each of them.
LOGGERS = {
    "strawberry.http.async_base_view:logger": "strawberry.ws",
    "uvicorn.server:logger": "uvicorn.error",
    "httpx._client:logger": "httpx",
    "httpcore._async.connection:logger": "httpcore.connection",
    "alembic.runtime.migration:log": "alembic.runtime.migration",
}
_OURS = {"domain", "gql"}


@pytest.mark.parametrize("name", [*PRIVATE, *UNDOCUMENTED])
def test_a_library_still_has_the_name(name: str) -> None:
    module, _, path = name.partition(":")
    owner_name, _, attribute = path.rpartition(".")
    library = import_module(module)
    owner = getattr(library, owner_name, None) if owner_name else library
    assert owner is not None, f"{module} has no {owner_name} any more: {(PRIVATE | UNDOCUMENTED)[name]}"
    found = hasattr(owner, attribute) or (inspect.isclass(owner) and attribute in _assigned(owner))
    assert found, f"{module} has no {path} any more: {(PRIVATE | UNDOCUMENTED)[name]}"


@pytest.mark.parametrize(
    ("function", "arguments", "named"),
    [
        pytest.param(execute_dequeued_workflow, ("library", "status", "claim"), {}, id="run what was claimed"),
        pytest.param(
            SystemDatabase.start_queued_workflows,
            ("self", "queue", "executor", "version", None),
            {"owner_xid": "claim", "is_latest_version": False},
            id="claim",
        ),
        pytest.param(SystemDatabase.get_workflow_statuses, ("self", ["id"]), {}, id="read what was claimed"),
        pytest.param(DBOSClient.resume_workflows, ("self", ["id"]), {"queue_name": "queue"}, id="resume"),
        pytest.param(DBOSClient.enqueue_in_transaction, ("self", "connection", "options", "id"), {}, id="enqueue"),
    ],
)
def test_dbos_still_takes_the_arguments(function: Any, arguments: tuple[Any, ...], named: dict[str, Any]) -> None:
    bound = inspect.signature(function).bind(*arguments, **named)
    assert named.keys() <= bound.arguments.keys()


@pytest.mark.parametrize("place", LOGGERS)
def test_a_library_still_logs_under_the_name(place: str) -> None:
    module, _, variable = place.partition(":")
    assert getattr(import_module(module), variable).name == LOGGERS[place]


def test_every_private_name_in_use_is_listed_with_its_reason() -> None:
    used = set(chain.from_iterable(map(_private_names, _sources())))
    listed = {name.rpartition(":")[2].rpartition(".")[2]: name for name in PRIVATE if "._" in name.partition(":")[2]}
    modules = {name.partition(":")[0] for name in PRIVATE if name.partition(":")[0].rpartition(".")[2].startswith("_")}
    assert used - listed.keys() - modules == set(), "in use, and neither listed nor explained"
    assert listed.keys() - used == set(), "listed, and not in use any more"


def test_every_use_of_a_librarys_internals_has_a_reason() -> None:
    silent = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in _sources()
        for number, line in enumerate(path.read_text().splitlines(), 1)
        if "noqa: SLF001" in line and "noqa: SLF001 - " not in line
    ]
    assert silent == []


def _sources() -> Iterator[Path]:
    return (path for folder in sorted(_OURS) for path in sorted((ROOT / folder).rglob("*.py")))


def _private_names(path: Path) -> Iterator[str]:
    """Private modules of libraries, private names of objects that are not `self`, and those that a base keeps."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").rpartition(".")[2].startswith("_"):
            yield str(node.module)
        elif isinstance(node, ast.Attribute) and _is_private(node.attr) and not _is_own(node.value):
            # The standard library documents this one, whatever it begins with.
            if ast.unparse(node) != "os._exit":
                yield node.attr
        elif isinstance(node, ast.ClassDef) and node.bases:
            yield from _inherited(path, node)


def _inherited(path: Path, node: ast.ClassDef) -> Iterator[str]:
    """Private names that a class takes from, or changes in, a library's class that it extends."""
    module = import_module(".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"))
    bases = [base for base in getattr(module, node.name, object).__mro__ if _is_a_library_s(base)]
    theirs = set(chain.from_iterable(chain(vars(base), _assigned(base)) for base in bases))
    used = {inner.attr for inner in ast.walk(node) if isinstance(inner, ast.Attribute) and _is_own(inner.value)}
    defined = {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef | ast.AsyncFunctionDef)}
    yield from (name for name in used | defined if _is_private(name) and name in theirs)


def _is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__")


def _is_own(value: ast.expr) -> bool:
    if isinstance(value, ast.Call):
        return isinstance(value.func, ast.Name) and value.func.id == "super"
    return isinstance(value, ast.Name) and value.id in {"self", "cls"}


def _is_a_library_s(base: type) -> bool:
    return base is not object and base.__module__.partition(".")[0] not in _OURS | {"builtins", "typing", "enum"}


def _assigned(owner: type) -> set[str]:
    """Return the attributes that the methods of a class or of its bases give to objects."""
    methods = [method for base in owner.__mro__ for method in vars(base).values() if inspect.isfunction(method)]
    steps = chain.from_iterable(map(dis.get_instructions, methods))
    return {step.argval for step in steps if step.opname == "STORE_ATTR"}
