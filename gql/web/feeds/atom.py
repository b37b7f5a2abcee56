"""The Atom feed (RFC 4287): an entry for each incident and maintenance, whose id stays and whose date moves on."""

import re
from xml.etree import ElementTree as Xml

from domain.model.moment import iso
from domain.model.public_page import BEGINNING, PublicPage
from gql.web.feeds.entries import Entry, entries_of
from gql.web.feeds.site import Site

MEDIA_TYPE = "application/atom+xml"
_NAMESPACE = "http://www.w3.org/2005/Atom"
#: Characters that no XML document may hold, not even escaped (XML 1.0, 2.2).
_NOT_OF_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom(page: PublicPage, site: Site, path: str) -> bytes:
    """Return the feed of a page, which is served at that path of the site."""
    entries = entries_of(page, site)
    # Its namespace is an attribute, because the library's own prefixes are of the whole process.
    feed = Xml.Element("feed", {"xmlns": _NAMESPACE})
    _add(feed, "id", f"{site.url}{path}")
    _add(feed, "title", site.name)
    # Not the page's own date, which the health of systems moves as well.
    _add(feed, "updated", iso(max((entry.updated_at for entry in entries), default=BEGINNING)))
    Xml.SubElement(feed, "link", {"rel": "self", "type": MEDIA_TYPE, "href": f"{site.url}{path}"})
    Xml.SubElement(feed, "link", {"rel": "alternate", "type": "text/html", "href": f"{site.url}/status"})
    _add(Xml.SubElement(feed, "author"), "name", site.name)
    _add(feed, "generator", "IncidentQL")
    for entry in entries:
        _add_entry(feed, entry)
    return bytes(Xml.tostring(feed, encoding="utf-8", xml_declaration=True))


def _add_entry(feed: Xml.Element, entry: Entry) -> None:
    element = Xml.SubElement(feed, "entry")
    _add(element, "id", entry.id)
    Xml.SubElement(element, "link", {"rel": "alternate", "type": "text/html", "href": entry.url})
    _add(element, "title", entry.title)
    _add(element, "updated", iso(entry.updated_at))
    _add(element, "published", iso(entry.published_at))
    for kind, term in entry.categories:
        Xml.SubElement(element, "category", {"term": term, "label": f"{kind}: {term}"})
    for system in entry.systems:
        Xml.SubElement(element, "category", {"term": system.key, "label": _clean(system.name)})
    _add(element, "content", entry.content).set("type", "html")


def _add(parent: Xml.Element, tag: str, text: str) -> Xml.Element:
    element = Xml.SubElement(parent, tag)
    element.text = _clean(text)
    return element


def _clean(text: str) -> str:
    return _NOT_OF_XML.sub("\ufffd", text)
