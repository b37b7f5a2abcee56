"""Mappings that cannot be saved, and what their authors are told."""

from typing import Any

import pytest

from domain.alerts.definition import checked_mapping, checked_severity_mapping, checked_system_mapping
from domain.errors import InvalidInputError
from domain.model.integration import IntegrationType

MANY = {f"service-{number}": "payments" for number in range(201)}


@pytest.mark.parametrize(
    ("given", "place", "message"),
    [
        (
            {"lables": []},
            ["lables"],
            "This key is unknown; there are labels, expression, values, default, unknown.",
        ),
        ({"values": MANY}, ["values"], "This has at most 200 entries."),
        ({"values": {"": "payments"}}, ["values", ""], "This has at least 1 character."),
        ({"labels": ["team"] * 21}, ["labels"], "This has at most 20 entries."),
        ({"default": "x" * 201}, ["default"], "This has at most 200 characters."),
        ({"default": 7}, ["default"], "This has to be a valid string."),
        ({"unknown": "guess"}, ["unknown"], "This has to be 'create' or 'refuse'."),
    ],
    ids=lambda value: "/".join(value) if isinstance(value, list) else "",
)
def test_a_faulty_mapping_of_systems_is_refused_in_plain_words(given: Any, place: list[str], message: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        checked_system_mapping(given)
    assert (refused.value.message, refused.value.field) == (message, ["systemMapping", *place])


def test_a_faulty_severity_is_refused_with_those_there_are() -> None:
    with pytest.raises(InvalidInputError) as refused:
        checked_severity_mapping({"values": {"page": "loud"}})
    assert refused.value.message == "This has to be 'minor', 'major' or 'critical'."


@pytest.mark.parametrize(
    ("given", "place", "message"),
    [
        ({"links": [{"label": "Logs"}]}, ["links", "0", "url"], "This is missing."),
        ({"links": ["https://logs.example"]}, ["links", "0"], "This has to be an object: keys with values."),
        ({"links": [{"url": "x", "text": "y"}]}, ["links", "0", "text"], "This key is unknown."),
        ({"title": "{{ a + }}"}, ["title"], "The expression is not complete. (line 1, column 10)."),
        ({"repeatSeconds": -1}, ["repeatSeconds"], "This has to be greater than or equal to 0."),
    ],
    ids=lambda value: "/".join(value) if isinstance(value, list) else "",
)
def test_a_faulty_part_of_a_mapping_is_refused_in_plain_words(given: Any, place: list[str], message: str) -> None:
    with pytest.raises(InvalidInputError) as refused:
        checked_mapping(given, IntegrationType.GRAFANA)
    assert (refused.value.message, refused.value.field) == (message, ["mapping", *place])
