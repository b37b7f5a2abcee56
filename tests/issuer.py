"""An OIDC issuer over real HTTP: its keys, its discovery document, and the sign-in of people by the code flow."""

import base64
import hashlib
import json
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm
from typing_extensions import override

from domain.clock import Clock

RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
Answer = tuple[int, dict[str, str], bytes]


class Issuer:
    """An OIDC issuer with its keys, which counts requests, and signs in whoever comes as one and the same person."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = url
        self.keys: list[dict[str, Any]] = [jwk(RSAAlgorithm, RSA, "rsa")]
        self.asked: list[str] = []
        self.broken = False
        self.clock = Clock()
        #: The client that may exchange codes, with its secret where it has one, and how it says who it is.
        self.client: tuple[str, str | None] = ("board", None)
        self.methods = ["client_secret_basic", "client_secret_post"]
        #: The claims of each token that it issues, besides the usual ones; None issues no such token.
        self.id_claims: dict[str, Any] | None = {"aud": "board"}
        self.access_claims: dict[str, Any] | None = None
        #: The error with which it leads back instead of signing somebody in, and parameters that it adds.
        self.refuses: str | None = None
        self.adds: dict[str, str] = {}
        #: The answer to exchanges of codes, in place of its own.
        self.exchange: Answer | None = None
        self._codes: dict[str, dict[str, str]] = {}

    def answer(self, path: str) -> bytes | None:
        """Return the document at that path."""
        self.asked.append(path)
        if self.broken:
            return b"<html>out of order</html>"
        if path == "/.well-known/openid-configuration":
            return json.dumps(self.about).encode()
        return json.dumps({"keys": self.keys}).encode() if path == "/keys" else None

    @property
    def about(self) -> dict[str, Any]:
        """The discovery document."""
        return {
            "issuer": self.name,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/authorize?tenant=1",
            "token_endpoint": f"{self.url}/token",
            "token_endpoint_auth_methods_supported": self.methods,
        }

    def authorize(self, query: str) -> Answer:
        """Lead a person back with a code, after checking what a client has to send."""
        asked = dict(parse_qsl(query))
        if asked.get("client_id") != self.client[0] or asked.get("code_challenge_method") != "S256":
            return 400, {}, b"this is no request of a client"
        code = secrets.token_urlsafe(8)
        self._codes[code] = asked
        given = {"error": self.refuses} if self.refuses else {"code": code}
        back = urlencode({**given, "state": asked["state"], **self.adds})
        return 302, {"location": f"{asked['redirect_uri']}?{back}"}, b""

    def token(self, body: str, authorization: str | None) -> Answer:
        """Exchange a code, once, for the client that it was made for and the verifier of its challenge."""
        self.asked.append("/token")
        if self.exchange is not None:
            return self.exchange
        form = {name: values[0] for name, values in parse_qs(body).items()}
        if self._caller(form, authorization) != self.client:
            return _problem(401, "invalid_client")
        asked = self._codes.pop(form.get("code", ""), None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if asked is None or form["redirect_uri"] != asked["redirect_uri"] or encoded(digest) != asked["code_challenge"]:
            return _problem(400, "invalid_grant")
        given = {
            "id_token": self.id_claims and token_of(self, self.clock, **{"nonce": asked["nonce"]} | self.id_claims),
            "access_token": self.access_claims and token_of(self, self.clock, **self.access_claims),
            "token_type": "Bearer",
        }
        return 200, {}, json.dumps({name: value for name, value in given.items() if value}).encode()

    def _caller(self, form: dict[str, str], authorization: str | None) -> tuple[str, str | None]:
        if authorization is None:
            return form.get("client_id", ""), form.get("client_secret")
        assert "client_secret" not in form, "a client has one place for its secret"
        client, _, secret = base64.b64decode(authorization.removeprefix("Basic ")).decode().partition(":")
        return client, secret


@contextmanager
def running_issuer(host: str = "127.0.0.1") -> Iterator[Issuer]:
    """Yield a running issuer at an address of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            address = urlsplit(self.path)
            if address.path == "/authorize":
                self._send(*found.authorize(address.query))
                return
            body = found.answer(self.path)
            self._send(404 if body is None else 200, {}, body or b"")

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            self._send(*found.token(body, self.headers["authorization"]))

        def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        @override
        def log_message(self, *args: Any) -> None:
            pass

    with ThreadingHTTPServer((host, 0), Handler) as server:
        found = Issuer(f"http://{host}:{server.server_port}")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield found
        finally:
            server.shutdown()
            thread.join()


def claims_of(issuer: Issuer, clock: Clock, **changed: Any) -> dict[str, Any]:
    """Return the claims of a token: valid for five minutes, except for what is changed."""
    now = clock.now().timestamp()
    claims = {"iss": issuer.url, "aud": ["incidents", "other"], "sub": "user-1", "iat": now, "exp": now + 300}
    return {name: value for name, value in (claims | changed).items() if value is not None}


def token_of(
    issuer: Issuer,
    clock: Clock,
    *,
    key: Any = RSA,
    algorithm: str = "RS256",
    key_id: str | None = "rsa",
    **changed: Any,
) -> str:
    """Return a token of the issuer: valid for five minutes, except for what is changed."""
    headers = {"kid": key_id, "alg": algorithm, "typ": "JWT"}
    payload = json.dumps(claims_of(issuer, clock, **changed)).encode()
    return jwt.PyJWS().encode(payload, key, algorithm, {name: text for name, text in headers.items() if text})


def jwk(kind: Any, key: Any, key_id: str) -> dict[str, Any]:
    """Return a public key as the issuer serves it."""
    return {**kind.to_jwk(key.public_key(), as_dict=True), "kid": key_id, "use": "sig"}


def encoded(content: bytes) -> str:
    """Return bytes as Base64 for addresses, without padding."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


def _problem(status: int, error: str) -> Answer:
    return status, {"content-type": "application/json"}, json.dumps({"error": error}).encode()
