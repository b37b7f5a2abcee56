"""`python -m tests.licences sbom.json`: whether what is shipped has the licences that docs/licences.md says.

Run by `scripts/sbom` on what it writes; exits with 1 where a package has another licence, or nobody looked at it.
"""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "licences.md"
_ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \|", re.MULTILINE)
#: What packages say that name no licence of the list of SPDX.
_BY_CLASSIFIER = {"License :: OSI Approved :: BSD License": "BSD-3-Clause"}


def licences_of_page() -> dict[str, str]:
    """Return the licence of each package, as the page says."""
    rows = _ROW.findall(PAGE.read_text())
    return {name_of(package): licence for licence, packages in rows for package in packages.split(",")}


def name_of(package: str) -> str:
    """Return the normalized name of a package (PyPA, "Names and normalization")."""
    return re.sub(r"[-_.]+", "-", package.strip()).lower()


def licences_of_sbom(document: Mapping[str, Any]) -> dict[str, str]:
    """Return the licence of each package of a document of CycloneDX."""
    return {name_of(each["name"]): _licence_of(each) for each in document["components"]}


def _licence_of(component: Mapping[str, Any]) -> str:
    said = [each.get("expression") or each["license"].get("id") for each in component.get("licenses", ())]
    names = [each["license"].get("name") for each in component.get("licenses", ()) if "license" in each]
    by_classifier = [_BY_CLASSIFIER.get(name, name) for name in names if name]
    return next((each for each in [*said, *by_classifier] if each), "none")


def main(file: str) -> int:
    """Compare a document with the page, and return the exit code."""
    found, expected = licences_of_sbom(json.loads(Path(file).read_text())), licences_of_page()
    wrong = {package: licence for package, licence in found.items() if expected.get(package) != licence}
    for package, licence in sorted(wrong.items()):
        print(f"{package} has {licence}, and docs/licences.md says {expected.get(package, 'nothing')}")
    print(f"{file}: {len(found)} packages, {len(wrong)} with a licence that docs/licences.md does not say")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
