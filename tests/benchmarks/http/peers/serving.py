"""The server of every peer in Python: one process of uvicorn, as ours."""

from typing import Any

import uvicorn


def serve(app: Any, port: int, *, lifespan: str = "off") -> None:
    """Serve until killed."""
    uvicorn.run(app, port=port, loop="uvloop", **settings_of(lifespan))


def settings_of(lifespan: str) -> dict[str, Any]:
    """Return the settings of uvicorn for such a server."""
    return {
        "http": "httptools",
        "lifespan": lifespan,
        "log_level": "warning",
        "access_log": False,
        "timeout_keep_alive": 120,
        "backlog": 8192,
    }
