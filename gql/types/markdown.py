"""Descriptions of texts that are shown as HTML, beside the Markdown that they are written in."""

from domain.markdown import html_of

#: Of the text that is named in it.
HTML = (
    "The {} as HTML that is safe on any page: without HTML of its author, headings from `h3` on without skipping a "
    "level, images as links, and links to the web and to mailboxes alone, with "
    '`rel="nofollow noopener noreferrer"`.'
)


def html_or_none(text: str | None) -> str | None:
    """Return the HTML of a text; None without one."""
    return None if text is None else html_of(text)
