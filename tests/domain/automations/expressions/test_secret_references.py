"""References to secrets in definitions."""

from typing import Any

import pytest

from domain.automations.expressions.errors import ExpressionError
from domain.automations.expressions.secret_references import seal, secret_names, unseal
from domain.errors import InvalidInputError, NotFoundError

CONFIG = {
    "url": "https://x.test/?key=${{ secrets.A_1 }}",
    "headers": {"authorization": "Bearer ${{secrets.b-2}}", "${{ secrets.KEY }}": "x"},
    "list": ["${{  secrets.A_1  }}${{ secrets.b-2 }}", 1, None, True],
    "title": "{{ trigger.payload.title }} $ {{ secrets.NO }} ${{ now }} ${ secrets.NO }",
}


def test_names_of_secrets_are_found_in_nested_values_not_keys() -> None:
    assert secret_names(CONFIG) == {"A_1", "b-2"}
    assert secret_names("${{ secrets.A }}") == {"A"}
    assert secret_names([None, 3, {}, "text"]) == set()


@pytest.mark.parametrize(
    "text",
    ["${{ secrets.A B }}", "${{ secrets. }}", "${{ secrets }}", "${{ secrets.A", "${{ secrets['A'] }}"],
)
def test_a_malformed_reference_to_a_secret_is_refused(text: str) -> None:
    with pytest.raises(InvalidInputError):
        secret_names({"a": ["${{ secrets.A }}", text]})


def test_references_are_replaced_and_nothing_else() -> None:
    values = {"A_1": "${{ secrets.b-2 }}", "b-2": r"\1 {{ x }}"}
    assert unseal(seal(CONFIG, "|"), "|", values) == {
        "url": "https://x.test/?key=${{ secrets.b-2 }}",
        "headers": {"authorization": r"Bearer \1 {{ x }}", "${{ secrets.KEY }}": "x"},
        "list": [r"${{ secrets.b-2 }}\1 {{ x }}", 1, None, True],
        "title": CONFIG["title"],
    }


def test_a_reference_without_a_value_is_named() -> None:
    with pytest.raises(NotFoundError, match="Secret 'A'"):
        unseal(seal("${{ secrets.A }}", "|"), "|", {})


def test_a_reference_to_a_secret_in_data_is_not_filled_in() -> None:
    mark = "9f2c"
    sealed: Any = seal({"text": "{{ title }} ${{ secrets.A }}${{ secrets.B }}"}, mark)
    rendered = {"text": sealed["text"].replace("{{ title }}", "${{ secrets.B }}")}
    assert unseal(rendered, mark, {"A": "a-value", "B": "b-value"}) == {"text": "${{ secrets.B }} a-valueb-value"}


@pytest.mark.parametrize("text", ["{{ '${{ secrets.A }}' | upper }}", "{{ ${{ secrets.A }} }}"])
def test_a_reference_inside_an_expression_is_not_sealed(text: str) -> None:
    with pytest.raises(ExpressionError, match="outside"):
        seal({"a": ["fine ${{ secrets.A }}", text]}, "mark")
