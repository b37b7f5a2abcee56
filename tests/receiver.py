"""A server on this machine that takes every message, for channels of tests that do not look at what was sent."""

import socket
import threading
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from typing_extensions import override


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("content-length", 0)))
        self.send_response(204)
        self.end_headers()

    @override
    def log_message(self, format: str, *args: object) -> None:
        pass


@cache
def receiver_url() -> str:
    """Return the channel URL of the server, which is started when it is first asked for and ends with the process."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Taking)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"json://user:correct-horse@127.0.0.1:{server.server_port}/hook"


def closed_url() -> str:
    """Return the channel URL of a port at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return f"json://user:correct-horse@127.0.0.1:{listening.getsockname()[1]}/hook"
