"""Definitions as people write them: JSON or YAML, read without surprises."""

from typing import Any

import yaml

from domain.errors import InvalidInputError


def load_document(text: str) -> dict[str, Any]:
    """The one mapping that a text is.

    Raises:
        InvalidInputError: it is no YAML, or not one mapping.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidInputError(f"This is not YAML: {error}.") from error
    if not isinstance(document, dict):
        raise InvalidInputError("An automation must be a mapping.")
    return document
