"""Encodings of answers that clients take."""

from starlette.datastructures import Headers


def takes_gzip(headers: Headers) -> bool:
    """Return whether an `Accept-Encoding` takes gzip (RFC 9110, 12.5.3)."""
    for part in headers.get("accept-encoding", "").lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() == "gzip":
            return weight.replace(" ", "").rstrip("0.") != "q="
    return False
