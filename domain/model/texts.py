"""The rules for texts: titles, names, messages, descriptions, keys, labels and addresses."""

import re
import unicodedata
from urllib.parse import SplitResult, urlsplit

from domain.errors import InvalidInputError

TITLE_LENGTH = 200
NAME_LENGTH = 200
MESSAGE_LENGTH = 25_000
DESCRIPTION_LENGTH = 20_000
LABEL_LENGTH = 120
URL_LENGTH = 2_000
KEY_LENGTH = 200

# Terminals act on C0 and C1 controls, U+007F among them. Databases differ in NUL and halves of surrogate pairs.
_CONTROLS = r"\0-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff"
#: Characters that reverse the order of the following text, so that a line reads as another (Unicode TR 9, 2.1 to 2.4).
_BIDIRECTIONAL = "\u202a-\u202e\u2066-\u2069"
_NOT_IN_TEXT = re.compile(f"[{_CONTROLS}]")
_NOT_IN_LINE = re.compile(f"[{_CONTROLS}\t\n\u2028\u2029{_BIDIRECTIONAL}]")
_LINE_BREAK = re.compile(r"\r\n?")
#: Letters, symbols and unassigned code points that draw nothing where they stand alone (Unicode's property
#: Default_Ignorable_Code_Point, without those whose category says so already).
_IGNORABLE = r"\u115f\u1160\u2065\u3164\uffa0\ufff0-\ufff8\U000e0000-\U000e0fff"
#: Symbols and letters whose glyph is empty in Unicode's charts: a Braille cell without dots, the place of an object
#: that is not part of the text, two spaces among the hieroglyphs, a note without a head.
_EMPTY = r"\u2800\ufffc\U00013441\U00013442\U0001d159"
#: Places that Unicode will never give to a character (23.7, "Noncharacters").
_NONCHARACTERS = r"\ufdd0-\ufdef" + "".join(rf"\U{plane:04x}fffe\U{plane:04x}ffff" for plane in range(17))
_DRAWS_NOTHING = re.compile(f"[{_IGNORABLE}{_EMPTY}{_NONCHARACTERS}]")
#: Quotes and angle brackets end an address that is put into a page; of a backslash, browsers make a slash.
_NOT_IN_URL = re.compile(r"""["'`<>\\\s]""")
_HOST_LABEL = re.compile(r"(?:[a-z0-9_-]|[^\0-\x7f])+", re.IGNORECASE)


def is_blank(text: str) -> bool:
    """Return whether nothing in the text is visible: spaces, invisible characters and marks without a letter."""
    return not any(_is_visible(character) for character in text)


def is_line(text: str) -> bool:
    """Return whether the text is a visible single line without control characters."""
    return not is_blank(text) and _NOT_IN_LINE.search(text) is None


def checked_line(text: str, *, field: str, noun: str, longest: int) -> str:
    """Return a single line, stripped of outer space, with at most so many characters.

    Raises:
        InvalidInputError: it is blank or too long, or holds a control, a line break or a bidirectional override.
    """
    text = _bounded(text.strip(), field=field, noun=noun, longest=longest)
    _refuse(_NOT_IN_LINE, text, field=field, problem=f"{noun} must be one line without control characters")
    return text


def checked_text(text: str, *, field: str, noun: str, longest: int) -> str:
    r"""Return a text, stripped of outer space, with at most so many characters and `\n` as line breaks.

    Raises:
        InvalidInputError: it is blank or too long, or holds a control that is neither a line break nor a tab.
    """
    text = _bounded(_LINE_BREAK.sub("\n", text).strip(), field=field, noun=noun, longest=longest)
    _refuse(_NOT_IN_TEXT, text, field=field, problem=f"{noun} must not contain control characters")
    return text


def as_line(text: str, *, longest: int | None = None) -> str | None:
    """Return a foreign text as a single line with at most so many characters; None where nothing is visible.

    Characters that `checked_line` would refuse become spaces.
    """
    line = " ".join(_NOT_IN_LINE.sub(" ", text).split())[:longest].strip()
    return None if is_blank(line) else line


def cut(text: str, longest: int) -> str:
    """Return the text, cut to so many characters with an ellipsis where it is longer."""
    return text if len(text) <= longest else f"{text[: longest - 1].rstrip()}…"


def fitted_line(text: str, *, longest: int) -> str | None:
    """Return a machine's text as `checked_line` accepts it: spaces for refused characters, cut with an ellipsis.

    None where there is nothing to see in it.
    """
    line = as_line(text)
    return None if line is None else cut(line, longest)


def fitted_text(text: str, *, longest: int) -> str | None:
    """Return a machine's text as `checked_text` accepts it: spaces for refused characters, cut with an ellipsis.

    None where there is nothing to see in it.
    """
    plain = _NOT_IN_TEXT.sub(" ", _LINE_BREAK.sub("\n", text)).strip()
    return None if is_blank(plain) else cut(plain, longest)


def checked_title(title: str) -> str:
    """Return an incident's title, 1 to 200 characters in one line.

    Raises:
        InvalidInputError: see `checked_line`.
    """
    return checked_line(title, field="title", noun="Title", longest=TITLE_LENGTH)


def checked_name(name: str) -> str:
    """Return a name, 1 to 200 characters in one line.

    Raises:
        InvalidInputError: see `checked_line`.
    """
    return checked_line(name, field="name", noun="Name", longest=NAME_LENGTH)


def checked_message(message: str, *, field: str = "message") -> str:
    """Return a message, 1 to 25,000 characters.

    Raises:
        InvalidInputError: see `checked_text`.
    """
    return checked_text(message, field=field, noun="Message", longest=MESSAGE_LENGTH)


def checked_description(description: str | None) -> str | None:
    """Return a description of at most 20,000 characters; None for a blank one.

    Raises:
        InvalidInputError: see `checked_text`.
    """
    if description is None or not description.strip():
        return None
    return checked_text(description, field="description", noun="Description", longest=DESCRIPTION_LENGTH)


def checked_dedupe_key(key: str | None) -> str:
    """Return the key that narrows deduplication, at most 200 characters in one line; '' for none.

    Raises:
        InvalidInputError: see `checked_line`.
    """
    if key is None or not key.strip():
        return ""
    return checked_line(key, field="dedupeKey", noun="Dedupe key", longest=KEY_LENGTH)


def checked_callers_key(key: str, *, field: str, noun: str) -> str:
    """Return a caller's key unchanged, 1 to 200 characters in one line.

    Raises:
        InvalidInputError: see `checked_line`.
    """
    _bounded(key, field=field, noun=noun, longest=KEY_LENGTH)
    _refuse(_NOT_IN_LINE, key, field=field, problem=f"{noun} must be one line without control characters")
    return key


def checked_label(label: str | None) -> str | None:
    """Return a link's label of at most 120 characters in one line; None for a blank one.

    Raises:
        InvalidInputError: see `checked_line`.
    """
    if label is None or not label.strip():
        return None
    return checked_line(label, field="label", noun="Label", longest=LABEL_LENGTH)


def checked_url(url: str) -> str:
    """Return an absolute http or https URL with a host, safe to show on pages to any audience.

    Raises:
        InvalidInputError: it is anything else, says a user or password, or has to be percent-encoded somewhere.
    """
    url = checked_line(url, field="url", noun="URL", longest=URL_LENGTH)
    try:
        parts = urlsplit(url)
        valid = parts.scheme in {"http", "https"} and _has_host(parts) and (parts.port is None or parts.port > 0)
    except ValueError:
        valid = False
    if not valid:
        raise InvalidInputError("URL must be an absolute http or https address.", field=["url"])
    if "@" in parts.netloc:
        raise InvalidInputError("URL must not hold a user or password: links are shown to others.", field=["url"])
    if _NOT_IN_URL.search(url) or _DRAWS_NOTHING.search(url) or not url.isprintable():
        raise InvalidInputError(
            "URL must not contain spaces, quotes, angle brackets, backslashes or invisible characters: "
            "percent-encode them.",
            field=["url"],
        )
    return url


def _bounded(text: str, *, field: str, noun: str, longest: int) -> str:
    if not text or text.isspace():
        raise InvalidInputError(f"{noun} must not be empty.", field=[field])
    if len(text) > longest:
        raise InvalidInputError(f"{noun} must have at most {longest:,} characters, not {len(text):,}.", field=[field])
    if is_blank(text):
        raise InvalidInputError(f"{noun} must have characters that can be seen.", field=[field])
    return text


def _refuse(characters: re.Pattern[str], text: str, *, field: str, problem: str) -> None:
    found = characters.search(text)
    if found is not None:
        place = f"U+{ord(found.group()):04X} at character {found.start() + 1}"
        raise InvalidInputError(f"{problem}, unlike {place}.", field=[field])


def _is_visible(character: str) -> bool:
    category = unicodedata.category(character)
    # Unassigned ones may be newer than this Python: an emoji of next year can be seen.
    unseen = category[0] in "MZ" or category in {"Cc", "Cf", "Cs"}
    return not unseen and _DRAWS_NOTHING.match(character) is None


def _has_host(parts: SplitResult) -> bool:
    host = parts.hostname or ""
    if "[" in parts.netloc:
        return True  # urlsplit has read it as an IPv6 address
    return all(_HOST_LABEL.fullmatch(label) and not is_blank(label) for label in host.removesuffix(".").split("."))
