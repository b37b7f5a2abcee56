"""Labels of incidents: a few keys of people's own choice, each with a value."""

import re
from collections.abc import Iterable, Mapping, Sequence

from domain.errors import InvalidInputError, NotFoundError
from domain.model.texts import checked_line

#: Labels in the order of their keys.
Labels = tuple[tuple[str, str], ...]

LABELS_PER_INCIDENT = 50
LABEL_VALUE_LENGTH = 200
_FIELD = "labels"
_KEY = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_./-]{0,62}[A-Za-z0-9_])?")


def relabelled(labels: Labels, given: Iterable[tuple[str, str | None]]) -> Labels:
    """Return the labels with these values set, and those without a value removed; others stay.

    Raises:
        InvalidInputError: a key or value cannot be accepted, a key is given twice, or there are too many labels.
        NotFoundError: a label to remove is not there.
    """
    after = dict(labels)
    for place, (key, value) in enumerate(_checked(given).items()):
        if value is not None:
            after[key] = value
        elif after.pop(key, None) is None:
            raise NotFoundError("The label", key, field=[_FIELD, str(place), "key"])
    if len(after) > LABELS_PER_INCIDENT:
        raise InvalidInputError(
            f"An incident has {LABELS_PER_INCIDENT} labels at most, not {len(after)}.", field=[_FIELD]
        )
    return tuple(sorted(after.items()))


def _checked(given: Iterable[tuple[str, str | None]]) -> Mapping[str, str | None]:
    values: dict[str, str | None] = {}
    for place, (key, value) in enumerate(given):
        field = [_FIELD, str(place)]
        if not _KEY.fullmatch(key):
            raise InvalidInputError(
                "The key of a label must be 1 to 64 letters, digits, dots, dashes, slashes or underscores, "
                "such as team, and begin and end with a letter, a digit or an underscore.",
                field=[*field, "key"],
            )
        if key in values:
            raise InvalidInputError(f"The label {key} is given twice.", field=[*field, "key"])
        values[key] = value if value is None else _checked_value(value, field)
    return values


def _checked_value(value: str, field: Sequence[str]) -> str:
    try:
        return checked_line(value, field=_FIELD, noun="The value of a label", longest=LABEL_VALUE_LENGTH)
    except InvalidInputError as error:
        raise InvalidInputError(error.message, field=[*field, "value"]) from error
