"""The Atom feed of incidents (RFC 4287): an entry for each, whose id stays and whose date moves on."""

import html
import re
from collections.abc import Sequence
from xml.etree import ElementTree as Xml

from domain.markdown import html_of
from domain.model.moment import iso
from domain.model.public_page import PublicIncident, PublicPage
from domain.model.system import System
from gql.web.feeds.site import Site, urn_of

MEDIA_TYPE = "application/atom+xml"
_NAMESPACE = "http://www.w3.org/2005/Atom"
#: Characters that no XML document may hold, not even escaped (XML 1.0, 2.2).
_NOT_OF_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def atom(page: PublicPage, site: Site, path: str) -> bytes:
    """Return the feed of a page, which is served at that path of the site."""
    # Its namespace is an attribute, because the library's own prefixes are of the whole process.
    feed = Xml.Element("feed", {"xmlns": _NAMESPACE})
    _add(feed, "id", f"{site.url}{path}")
    _add(feed, "title", site.name)
    _add(feed, "updated", iso(page.updated_at))
    Xml.SubElement(feed, "link", {"rel": "self", "type": MEDIA_TYPE, "href": f"{site.url}{path}"})
    Xml.SubElement(feed, "link", {"rel": "alternate", "type": "text/html", "href": f"{site.url}/status"})
    _add(Xml.SubElement(feed, "author"), "name", site.name)
    _add(feed, "generator", "IncidentQL")
    for shown in page.incidents:
        _add_entry(feed, shown, page.systems_of(shown.incident), site)
    return bytes(Xml.tostring(feed, encoding="utf-8", xml_declaration=True))


def _add_entry(feed: Xml.Element, shown: PublicIncident, systems: Sequence[System], site: Site) -> None:
    incident = shown.incident
    entry = Xml.SubElement(feed, "entry")
    _add(entry, "id", urn_of(incident.id))
    address = f"{site.url}/status/{incident.reference}"
    Xml.SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": address})
    _add(entry, "title", f"{incident.reference}: {incident.title}")
    _add(entry, "updated", iso(shown.updated_at))
    _add(entry, "published", iso(incident.created_at))
    for kind, term in (("status", incident.status), ("severity", incident.severity)):
        Xml.SubElement(entry, "category", {"term": term, "label": f"{kind}: {term}"})
    for system in systems:
        Xml.SubElement(entry, "category", {"term": system.key, "label": _clean(system.name)})
    _add(entry, "content", _content(shown, systems)).set("type", "html")


def _content(shown: PublicIncident, systems: Sequence[System]) -> str:
    """Return the HTML of an entry: what it affects, and its updates, newest first."""
    incident = shown.incident
    parts = [f"<p>{incident.status.title()}, {incident.severity}</p>"]
    if systems:
        parts.append(f"<p>Affects {_text(', '.join(system.name for system in systems))}</p>")
    for update, status in zip(shown.updates, shown.statuses(), strict=True):
        moment = f"{update.created_at:%Y-%m-%d %H:%M} UTC"
        parts.append(f"<p><strong>{status.title()}</strong> ({moment})</p>{html_of(update.message)}")
    if incident.description:
        parts.append(html_of(incident.description))
    return "".join(parts)


def _text(text: str) -> str:
    return html.escape(text)


def _add(parent: Xml.Element, tag: str, text: str) -> Xml.Element:
    element = Xml.SubElement(parent, tag)
    element.text = _clean(text)
    return element


def _clean(text: str) -> str:
    return _NOT_OF_XML.sub("\ufffd", text)
