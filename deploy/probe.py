"""Asks the process of this container for a path, such as /readyz, and exits with 0 where it answers 200.

The port is METRICS_PORT where there is one, at which a worker answers as well, and else that of the server.
"""

import os
import sys
from http.client import HTTPConnection, HTTPException

_SECONDS = 4


def main(path: str) -> int:
    """Ask for a path and return the exit code."""
    named = os.environ.get("INCIDENTQL_METRICS_PORT") or os.environ.get("INCIDENTQL_PORT")
    connection = HTTPConnection("127.0.0.1", int(named or 8000), timeout=_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        text = response.read(4096).decode(errors="replace")
    except (OSError, HTTPException) as error:
        status, text = 0, str(error)
    else:
        status = response.status
    print(text)  # noqa: T201  # Docker keeps it beside the verdict
    return 0 if status == 200 else 1  # noqa: PLR2004


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
