"""The licences of what is shipped: the page names them all, and the bill of materials is read right."""

import re

from tests.docs.blocks import ROOT
from tests.licences import licences_of_page, licences_of_sbom, name_of

_LOCKED = re.compile(r"^([\w.-]+)(?:\[[\w,-]+\])?==", re.MULTILINE)


def test_the_page_of_licences_names_what_the_lock_does() -> None:
    locked = {name_of(package) for package in _LOCKED.findall((ROOT / "requirements.lock").read_text())}
    assert set(licences_of_page()) == locked


def test_a_licence_is_read_as_an_expression_or_else_as_a_classifier() -> None:
    document = {
        "components": [
            {"name": "A_b", "licenses": [{"license": {"name": "License :: x"}}, {"expression": "MIT AND PSF-2.0"}]},
            {"name": "c", "licenses": [{"license": {"name": "License :: OSI Approved :: BSD License"}}]},
            {"name": "d"},
        ]
    }
    assert licences_of_sbom(document) == {"a-b": "MIT AND PSF-2.0", "c": "BSD-3-Clause", "d": "none"}
