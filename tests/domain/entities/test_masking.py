"""The masking of run secrets in states, history and events."""

import base64
import html
import json
import re
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from domain.entities.masking import MASK, SecretMasker
from tests.examples import examples

letters = st.text(alphabet="abc", max_size=12)
secrets = st.lists(st.text(alphabet="abc", min_size=4, max_size=6), min_size=1, max_size=4)
values = st.recursive(
    letters | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(letters, inner, max_size=3),
    max_leaves=10,
)


def test_a_secret_is_masked_in_strings_lists_objects_and_keys() -> None:
    masker = _masker("hunter2!")

    masked = masker.mask("run", {"say hunter2!": ["hunter2!", {"deep": "(hunter2!)"}], "size": 1})

    assert masked == {f"say {MASK}": [MASK, {"deep": f"({MASK})"}], "size": 1}


def test_the_longest_secret_is_masked_first() -> None:
    assert _masker("pass", "password").mask("run", "password pass") == f"{MASK} {MASK}"


def test_values_under_four_characters_are_left_alone() -> None:
    assert _masker("abc").mask("run", "abcabc") == "abcabc"


@pytest.mark.parametrize(
    "write",
    [
        quote,
        quote_plus,
        partial(quote, safe=""),
        lambda secret: re.sub("%..", lambda match: match[0].lower(), quote(secret, safe="")),
        json.dumps,
        partial(json.dumps, ensure_ascii=False),
        lambda secret: json.dumps(secret).replace("/", "\\/"),
        html.escape,
        *[
            partial(lambda secret, before: _base64(f"{before}{secret}, later"), before=before)
            for before in ("", "a", "ab:")
        ],
        lambda secret: base64.urlsafe_b64encode(secret.encode()).decode(),
    ],
)
def test_a_secret_is_masked_in_its_encoded_forms(write: Callable[[str], str]) -> None:
    secret = 'Zäh & "k1/?+\\n~é>>>???'
    left = _masker(secret).mask("run", f"<{write(secret)}>")
    assert MASK in left
    assert len(left) < len(MASK) + len("<later, >") + 10


def test_base64_text_beside_a_secret_is_not_masked() -> None:
    masked = _masker("hunter2!hunter2!").mask("run", f"Basic {_base64('someone:hunter2!hunter2!')}")
    assert base64.b64decode(masked.removeprefix("Basic ").partition(MASK)[0] + "==").startswith(b"someone")


def test_secrets_that_a_run_sees_later_join_those_that_it_saw_before() -> None:
    masker = SecretMasker()
    masker.register("run_1", ["first-secret"])
    masker.register("run_1", ["second-secret"])
    assert masker.mask("run_1", "first-secret second-secret") == "**** ****"


def test_of_a_secret_in_json_nothing_is_left() -> None:
    masker = SecretMasker()
    masker.register("run_1", ['pass"word\u00e9'])
    for ascii_only in (False, True):
        text = json.dumps(['pass"word\u00e9'], ensure_ascii=ascii_only)
        assert masker.mask("run_1", text) == '["****"]'


def test_base64_of_eight_characters_is_masked() -> None:
    masker = SecretMasker()
    masker.register("run_1", ["secret"])
    assert masker.mask("run_1", base64.b64encode(b"secret").decode()) == "****"


def test_values_of_other_runs_are_not_masked() -> None:
    masker = _masker("hunter2!")

    assert masker.mask("other", "hunter2!") == "hunter2!"
    assert masker.mask(None, "hunter2!") == "hunter2!"


def test_the_secrets_of_an_ended_run_are_dropped() -> None:
    masker = _masker("hunter2!")
    masker.drop("run")

    assert masker.mask("run", "hunter2!") == "hunter2!"


@examples(80)
@given(registered=secrets, value=values)
def test_no_registered_secret_is_left_anywhere(registered: list[str], value: Any) -> None:
    masked = json.dumps(_masker(*registered).mask("run", value))

    assert [secret for secret in registered if secret in masked] == []


@examples(80)
@given(registered=secrets, value=values)
def test_masking_is_idempotent(registered: list[str], value: Any) -> None:
    masker = _masker(*registered)
    masked = masker.mask("run", value)

    assert masker.mask("run", masked) == masked


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def _masker(*values_of_run: str) -> SecretMasker:
    masker = SecretMasker()
    masker.register("run", values_of_run)
    return masker
