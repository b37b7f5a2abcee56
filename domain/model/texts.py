"""What texts may say: titles, messages, descriptions, keys, labels and addresses."""

from urllib.parse import urlsplit

from domain.errors import InvalidInputError

TITLE_LENGTH = 200
MESSAGE_LENGTH = 20_000
LABEL_LENGTH = 120
URL_LENGTH = 2_000
KEY_LENGTH = 200


def checked_title(title: str) -> str:
    """The title without surrounding space, 1 to 200 characters.

    Raises:
        InvalidInputError: it is blank or too long.
    """
    return _checked_text(title, "title", "Title", TITLE_LENGTH)


def checked_message(message: str, *, field: str = "message") -> str:
    """A timeline message, 1 to 20,000 characters.

    Raises:
        InvalidInputError: it is blank or too long.
    """
    return _checked_text(message, field, "Message", MESSAGE_LENGTH)


def checked_description(description: str | None) -> str | None:
    """A description of at most 20,000 characters; a blank one is none.

    Raises:
        InvalidInputError: it is too long.
    """
    if description is None or not description.strip():
        return None
    return _checked_text(description, "description", "Description", MESSAGE_LENGTH)


def checked_dedupe_key(key: str | None) -> str:
    """The key that narrows deduplication, at most 200 characters; '' for none.

    Raises:
        InvalidInputError: it is too long.
    """
    return "" if key is None or not key.strip() else _checked_text(key, "dedupeKey", "Dedupe key", KEY_LENGTH)


def checked_label(label: str | None) -> str | None:
    """A link's label of at most 120 characters; a blank one is none.

    Raises:
        InvalidInputError: it is too long.
    """
    return None if label is None or not label.strip() else _checked_text(label, "label", "Label", LABEL_LENGTH)


def checked_url(url: str) -> str:
    """An absolute http or https URL with a host.

    Raises:
        InvalidInputError: it is anything else.
    """
    url = _checked_text(url, "url", "URL", URL_LENGTH)
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid or any(character.isspace() or not character.isprintable() for character in url):
        raise InvalidInputError("URL must be an absolute http or https address.", field=["url"])
    return url


def _checked_text(text: str, field: str, noun: str, longest: int) -> str:
    text = text.strip()
    if not text:
        raise InvalidInputError(f"{noun} must not be empty.", field=[field])
    if len(text) > longest:
        raise InvalidInputError(f"{noun} must have at most {longest:,} characters, not {len(text):,}.", field=[field])
    # PostgreSQL cannot store it, and SQLite would cut the text in some tools.
    if "\0" in text:
        raise InvalidInputError(f"{noun} must not contain a NUL character.", field=[field])
    return text
