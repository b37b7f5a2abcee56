"""Signatures, against the published vector and the official library."""

import base64
from datetime import UTC, datetime

from standardwebhooks import Webhook as Verifier

from domain.webhooks.signing import fresh_secret, signatures

#: standard-webhooks, the known answer of its own tests.
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
MESSAGE = {"message_id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "timestamp": 1614265330}


def test_the_published_vector_is_signed_as_published() -> None:
    signed = signatures([SECRET], **MESSAGE, body=b'{"test": 2432232314}')  # type: ignore[arg-type]
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_two_secrets_make_two_signatures_and_the_official_verifier_accepts_either() -> None:
    first, second = fresh_secret(), fresh_secret()
    now = int(datetime.now(UTC).timestamp())
    signed = signatures([first, second], message_id="whd_1", timestamp=now, body=b'{"a":"\xc3\xa4"}')
    headers = {"webhook-id": "whd_1", "webhook-timestamp": str(now), "webhook-signature": signed}
    assert [Verifier(secret).verify('{"a":"ä"}', headers) for secret in (first, second)] == [{"a": "ä"}] * 2


def test_fresh_secrets_differ_and_have_256_bits() -> None:
    made = {fresh_secret() for _ in range(10)}
    assert {len(base64.b64decode(secret.removeprefix("whsec_"))) for secret in made} == {32}
    assert len(made) == 10
