"""Signatures of Standard Webhooks (standard-webhooks/spec), and the secrets for them."""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Sequence

_PREFIX = "whsec_"
_SECRET_BYTES = 32


def fresh_secret() -> str:
    """Return a new signing secret in the form that receivers configure."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def signatures(signing_secrets: Sequence[str], *, message_id: str, timestamp: int, body: bytes) -> str:
    """Return the header with one signature for each secret; a receiver accepts the body if it knows one of them."""
    signed = f"{message_id}.{timestamp}.".encode() + body
    return " ".join(_signature(secret, signed) for secret in signing_secrets)


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return f"v1,{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"
