"""JSON Web Tokens of an OIDC issuer: a real HTTP server serves its keys."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from domain.errors import StartupError, UnauthenticatedError, UnavailableError
from domain.model.actor import Actor, ActorType
from domain.model.viewer import Role
from domain.services.oidc import OidcRules, OidcVerifier
from domain.settings import Settings
from tests.conftest import SteppingClock
from tests.issuer import RSA, Issuer, claims_of, encoded, jwk, running_issuer, token_of

OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
WEAK_RSA = rsa.generate_private_key(public_exponent=65537, key_size=1024)
EC = ec.generate_private_key(ec.SECP256R1())
ED = ed25519.Ed25519PrivateKey.generate()


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    """Yield a running issuer."""
    with running_issuer() as issuer:
        yield issuer


@pytest.fixture
def clock() -> SteppingClock:
    """Return a clock that stands still."""
    clock = SteppingClock()
    clock.step = timedelta()
    return clock


@pytest.fixture
def verifier(issuer: Issuer, clock: SteppingClock) -> OidcVerifier:
    """Return the verifier of the issuer's tokens."""
    return _verifier(issuer, clock)


async def test_a_user_is_known_by_a_token_of_the_issuer(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock
) -> None:
    viewer = await verifier.viewer_of(token_of(issuer, clock, role="RESPONDER", name="Ann", email="ann@example.com"))
    assert viewer.actor == Actor(type=ActorType.USER, id="user-1", name="Ann")
    assert (viewer.role, viewer.expires_at, viewer.systems) == (
        Role.RESPONDER,
        clock.now() + timedelta(minutes=5),
        None,
    )
    assert viewer.can_lapse


async def test_a_user_without_a_name_is_named_by_the_address(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock
) -> None:
    viewer = await verifier.viewer_of(token_of(issuer, clock, name=" ", email="ann@example.com"))
    assert viewer.actor.name == "ann@example.com"
    assert (await verifier.viewer_of(token_of(issuer, clock))).actor.name is None


async def test_a_name_is_shown_in_one_line_without_controls(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock
) -> None:
    for given, shown in [("Ann\r\n\u202eLee\x1b", "Ann Lee"), ("\u200b\u3164", "ann"), ("\ud800Ann\0", "Ann")]:
        viewer = await verifier.viewer_of(token_of(issuer, clock, name=given, preferred_username="ann"))
        assert viewer.actor.name == shown


@pytest.mark.parametrize(
    ("algorithm", "key", "kind"),
    [
        ("RS256", RSA, RSAAlgorithm),
        ("RS512", RSA, RSAAlgorithm),
        ("PS256", RSA, RSAAlgorithm),
        ("ES256", EC, ECAlgorithm),
        ("EdDSA", ED, OKPAlgorithm),
    ],
)
async def test_asymmetric_signatures_are_taken(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock, algorithm: str, key: Any, kind: Any
) -> None:
    issuer.keys = [jwk(kind, key, "k")]
    token = token_of(issuer, clock, key=key, algorithm=algorithm, key_id="k")
    assert (await verifier.viewer_of(token)).role is Role.VIEWER


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "https://elsewhere.example"},
        {"aud": "another-app"},
        {"aud": ["another-app", "third"]},
        {"iss": None},
        {"aud": None},
        {"sub": None},
        {"sub": ""},
        {"sub": 7},
        {"sub": "a\0b"},
        {"sub": "a\x1b[31mb"},
        {"sub": "a\ud800b"},
        {"sub": "\u200b"},
        {"sub": "x" * 191},
        {"exp": None},
        {"exp": "tomorrow"},
        {"exp": True},
        {"exp": float("inf")},
        {"exp": 1e300},
        {"exp": -1e300},
        {"nbf": "yesterday"},
    ],
    ids=repr,
)
async def test_a_token_with_wrong_claims_is_refused(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock, changed: dict[str, Any]
) -> None:
    assert (await _refusal(verifier, token_of(issuer, clock, **changed))).startswith("This token ")


async def test_a_token_is_refused_from_the_moment_at_which_it_expires(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock
) -> None:
    token = token_of(issuer, clock)
    clock.advance(minutes=5, milliseconds=-1)
    await verifier.viewer_of(token)
    clock.advance(milliseconds=1)
    assert await _refusal(verifier, token) == "This token has expired."


async def test_a_token_is_refused_before_its_start_with_some_leeway(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock
) -> None:
    token = token_of(issuer, clock, nbf=clock.now().timestamp() + 11)
    assert await _refusal(verifier, token) == "This token is not valid yet."
    clock.advance(seconds=1)
    await verifier.viewer_of(token)


async def test_a_token_without_a_signature_is_refused(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock
) -> None:
    for header in ({"alg": "none", "kid": "rsa"}, {"alg": "None", "kid": "rsa"}, {"kid": "rsa"}):
        token = f"{_part(header)}.{_part(claims_of(issuer, clock))}."
        assert await _refusal(verifier, token) == "This token is not valid."


@pytest.mark.parametrize("algorithm", ["HS256", "RS256"])
async def test_a_token_signed_with_the_public_key_as_a_secret_is_refused(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock, algorithm: str
) -> None:
    public = RSA.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    signed = f"{_part({'alg': algorithm, 'kid': 'rsa'})}.{_part(claims_of(issuer, clock))}"
    signature = hmac.new(public, signed.encode(), hashlib.sha256).digest()
    assert await _refusal(verifier, f"{signed}.{encoded(signature)}") == "This token is not valid."


async def test_a_secret_among_the_keys_of_the_issuer_signs_nothing(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock
) -> None:
    secret = b"a-secret-that-is-long-enough-for-sha-256"
    issuer.keys.append({"kty": "oct", "kid": "secret", "k": encoded(secret), "alg": "HS256"})
    token = jwt.encode(claims_of(issuer, clock), secret, algorithm="HS256", headers={"kid": "secret"})
    assert await _refusal(verifier, token) == "This token is not valid."


async def test_a_key_that_is_too_weak_or_is_for_encryption_signs_nothing(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock
) -> None:
    issuer.keys = [jwk(RSAAlgorithm, WEAK_RSA, "weak"), {**jwk(RSAAlgorithm, RSA, "enc"), "use": "enc"}]
    with pytest.warns(jwt.warnings.InsecureKeyLengthWarning):
        weak = token_of(issuer, clock, key=WEAK_RSA, key_id="weak")
    assert await _refusal(verifier, weak) == "This token is not valid."
    assert await _refusal(verifier, token_of(issuer, clock, key_id="enc")) == "This token is not valid."


async def test_a_token_of_another_key_or_with_other_claims_is_refused(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock
) -> None:
    assert await _refusal(verifier, token_of(issuer, clock, key=OTHER_RSA)) == "This token is not valid."
    header, _, signature = token_of(issuer, clock).split(".")
    raised = _part(claims_of(issuer, clock) | {"role": "ADMIN"})
    assert await _refusal(verifier, f"{header}.{raised}.{signature}") == "This token is not valid."


@pytest.mark.parametrize(
    "token",
    [
        "eyJ..",
        "eyJ.e.e",
        "eyJhbGciOiJSUzI1NiJ9.e30.AA",
        "eyJ" + "x" * 9000 + ".x.x",
        "eyJhbGciOjF9.e30.e30",
        "eyJ€.ß.ł",
    ],
    ids=range(6),
)
async def test_a_malformed_token_is_refused(verifier: OidcVerifier, token: str) -> None:
    assert await _refusal(verifier, token) == "This token is not valid."


async def test_the_issuers_keys_are_cached_until_they_expire(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock
) -> None:
    for _ in range(5):
        await verifier.viewer_of(token_of(issuer, clock))
    assert issuer.asked == ["/.well-known/openid-configuration", "/keys"]
    clock.advance(minutes=10, milliseconds=1)
    await verifier.viewer_of(token_of(issuer, clock))
    assert len(issuer.asked) == 4


async def test_a_new_key_is_looked_up_at_most_every_30_seconds(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock
) -> None:
    await verifier.viewer_of(token_of(issuer, clock))
    issuer.keys = [jwk(RSAAlgorithm, OTHER_RSA, "new")]
    clock.advance(seconds=29)
    for _ in range(5):
        await _refusal(verifier, token_of(issuer, clock, key=OTHER_RSA, key_id="new"))
    assert len(issuer.asked) == 2
    clock.advance(seconds=1)
    await verifier.viewer_of(token_of(issuer, clock, key=OTHER_RSA, key_id="new"))
    for number in range(5):
        await _refusal(verifier, token_of(issuer, clock, key_id=f"guess {number}"))
    assert len(issuer.asked) == 4
    assert await _refusal(verifier, token_of(issuer, clock)) == "This token is not valid."


async def test_known_keys_stay_valid_while_the_issuer_is_out_of_order(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock, caplog: pytest.LogCaptureFixture
) -> None:
    await verifier.viewer_of(token_of(issuer, clock))
    issuer.broken = True
    clock.advance(seconds=30)
    assert await _refusal(verifier, token_of(issuer, clock, key_id="new")) == "This token is not valid."
    assert "could not be read" in caplog.text
    await verifier.viewer_of(token_of(issuer, clock))


async def test_a_token_whose_issuer_is_away_is_not_called_invalid(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock
) -> None:
    issuer.broken = True
    with pytest.raises(UnavailableError):
        await verifier.viewer_of(token_of(issuer, clock))
    issuer.broken = False
    clock.advance(seconds=30)
    await verifier.viewer_of(token_of(issuer, clock))
    issuer.broken = True
    clock.advance(minutes=10, milliseconds=1)
    # Those that it had have not been trusted since.
    for _ in range(3):
        with pytest.raises(UnavailableError) as failure:
            await verifier.viewer_of(token_of(issuer, clock))
    assert failure.value.retry_after_seconds == 30


async def test_a_token_that_names_no_key_is_checked_with_the_only_one(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock
) -> None:
    viewer = await verifier.viewer_of(token_of(issuer, clock, key_id=None))
    assert viewer == await verifier.viewer_of(token_of(issuer, clock))


async def test_the_discovery_document_must_be_that_of_the_issuer(
    verifier: OidcVerifier, issuer: Issuer, clock: SteppingClock
) -> None:
    issuer.name = "https://elsewhere.example"
    with pytest.raises(UnavailableError):
        await verifier.viewer_of(token_of(issuer, clock, iss=issuer.url))


async def test_the_address_of_the_keys_can_be_set(issuer: Issuer, clock: SteppingClock) -> None:
    verifier = _verifier(issuer, clock, oidc_jwks_url=f"{issuer.url}/keys")
    await verifier.viewer_of(token_of(issuer, clock))
    assert issuer.asked == ["/keys"]


@pytest.mark.parametrize(
    ("settings", "claims", "role"),
    [
        ({}, {"role": "admin"}, Role.ADMIN),
        ({}, {"role": "ANONYMOUS"}, Role.VIEWER),
        ({}, {"role": {"deep": "ADMIN"}}, Role.VIEWER),
        ({}, {"role": ["RESPONDER", "ADMIN", 3, "VIEWER"]}, Role.ADMIN),
        ({"oidc_role_map": "sre=RESPONDER, boss=admin"}, {"role": "sre"}, Role.RESPONDER),
        ({"oidc_role_map": "sre=RESPONDER, boss=admin"}, {"role": ["sre", "boss"]}, Role.ADMIN),
        ({"oidc_role_map": "sre=RESPONDER, boss=admin"}, {"role": "ADMIN"}, Role.VIEWER),
        ({"oidc_role_claim": "realm_access.roles"}, {"realm_access": {"roles": ["ADMIN"]}}, Role.ADMIN),
        ({"oidc_role_claim": "realm_access.roles"}, {"realm_access": ["ADMIN"]}, Role.VIEWER),
        ({"oidc_role_claim": "https://x.example/role"}, {"https://x.example/role": "ADMIN"}, Role.ADMIN),
        ({"oidc_default_role": "RESPONDER"}, {}, Role.RESPONDER),
        ({"oidc_default_role": "NONE"}, {"role": "VIEWER"}, Role.VIEWER),
    ],
)
async def test_the_role_is_read_from_a_claim(
    issuer: Issuer, clock: SteppingClock, settings: dict[str, str], claims: dict[str, Any], role: Role
) -> None:
    viewer = await _verifier(issuer, clock, **settings).viewer_of(token_of(issuer, clock, **claims))
    assert viewer.role is role


async def test_users_without_a_role_can_be_refused(issuer: Issuer, clock: SteppingClock) -> None:
    verifier = _verifier(issuer, clock, oidc_default_role="none")
    assert await _refusal(verifier, token_of(issuer, clock)) == "This token gives its owner no role here."


@pytest.mark.parametrize(
    "settings",
    [
        {"oidc_audience": None},
        {"oidc_issuer": "issuer.example"},
        {"oidc_jwks_url": "file:///etc/passwd"},
        {"oidc_role_map": "sre=BOSS"},
        {"oidc_role_map": "sre"},
        {"oidc_role_map": "sre=ANONYMOUS"},
        {"oidc_default_role": "GUEST"},
    ],
    ids=repr,
)
def test_invalid_settings_stop_the_start(settings: dict[str, Any]) -> None:
    with pytest.raises(StartupError):
        OidcRules.of(Settings(**{"oidc_issuer": "https://issuer.example", "oidc_audience": "us"} | settings))


def test_without_an_issuer_there_are_no_rules() -> None:
    assert OidcRules.of(Settings(oidc_audience="us")) is None


def _verifier(issuer: Issuer, clock: SteppingClock, **settings: Any) -> OidcVerifier:
    rules = OidcRules.of(Settings(oidc_issuer=issuer.url, oidc_audience="incidents", **settings))
    assert rules is not None
    return OidcVerifier(rules, clock)


def _part(content: Any) -> str:
    return encoded(json.dumps(content).encode())


async def _refusal(verifier: OidcVerifier, token: str) -> str:
    with pytest.raises(UnauthenticatedError) as caught:
        await verifier.viewer_of(token)
    return caught.value.message
