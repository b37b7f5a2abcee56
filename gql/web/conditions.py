"""Conditions of requests: what a cache has, which need not be sent again."""


def names_tag(condition: str, tag: str) -> bool:
    """Return whether an `If-None-Match` names a tag or any (RFC 9110, 13.1.2)."""
    given = [name.strip().removeprefix("W/") for name in condition.split(",")]
    return tag in given or "*" in given
