"""Persisted documents: registered ones, and Apollo's automatic ones."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from graphql import GraphQLError

from domain.errors import StartupError
from domain.settings import Settings
from gql.transport.documents import LONGEST_DOCUMENT, Documents

VIEWER = "{ viewer { role } }"
SYSTEMS = "{ systems { totalCount } }"


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def persisted(text: str, **changes: Any) -> dict[str, Any]:
    return {"persistedQuery": {"version": 1, "sha256Hash": digest(text)} | changes}


def documents(path: Path | None = None, *, only: bool = False) -> Documents:
    return Documents(Settings(documents=None if path is None else str(path), documents_only=only))


def refused(known: Documents, *arguments: Any, **named: Any) -> str:
    with pytest.raises(GraphQLError) as caught:
        known.resolve(*arguments, **named)
    return str((caught.value.extensions or {})["code"])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with one document in it, as an editor would save it."""
    (tmp_path / "board").mkdir()
    (tmp_path / "board" / "Viewer.graphql").write_text(VIEWER + "\n")
    return tmp_path


def test_a_plain_query_is_run() -> None:
    assert documents().resolve(VIEWER) == VIEWER
    assert documents().resolve(VIEWER, {}, None) == VIEWER


def test_a_hash_finds_a_text_that_was_sent_before() -> None:
    known = documents()
    assert refused(known, None, persisted(VIEWER)) == "PERSISTED_QUERY_NOT_FOUND"
    assert known.resolve(VIEWER, persisted(VIEWER)) == VIEWER
    assert known.resolve(None, persisted(VIEWER)) == VIEWER
    assert known.resolve("", persisted(VIEWER)) == VIEWER
    assert known.resolve(None, None, f"sha256:{digest(VIEWER)}") == VIEWER


@pytest.mark.parametrize(
    "extensions",
    [
        {"persistedQuery": "x"},
        persisted(VIEWER, version=2),
        persisted(VIEWER, sha256Hash=1),
        persisted(VIEWER, sha256Hash="abc"),
        persisted(SYSTEMS),
    ],
    ids=["no object", "other version", "no text", "no hash", "hash of another text"],
)
def test_a_wrong_hash_is_refused_and_not_stored(extensions: dict[str, Any]) -> None:
    known = documents()
    assert refused(known, VIEWER, extensions) == "BAD_USER_INPUT"
    assert refused(known, None, persisted(VIEWER)) == "PERSISTED_QUERY_NOT_FOUND"


def test_the_oldest_sent_document_is_evicted_first() -> None:
    known = documents()
    known.resolve(VIEWER, persisted(VIEWER))
    for number in range(1_000):
        known.resolve(None, persisted(VIEWER))
        text = f"query Q{number} {VIEWER}"
        known.resolve(text, persisted(text))
    assert known.resolve(None, persisted(VIEWER)) == VIEWER
    assert refused(known, None, persisted("query Q0 " + VIEWER)) == "PERSISTED_QUERY_NOT_FOUND"
    for number in range(200):
        text = VIEWER + f"#{number}".ljust(40_000)
        known.resolve(text, persisted(text))
    assert known._sent_characters <= 5_000_000


@pytest.mark.parametrize("name", [digest(VIEWER + "\n"), digest(VIEWER), f"sha256:{digest(VIEWER)}"])
def test_a_file_is_named_by_the_hash_of_the_text(folder: Path, name: str) -> None:
    assert documents(folder).resolve(None, None, name) == VIEWER + "\n"


@pytest.mark.parametrize(
    "manifest",
    [
        {"viewer": VIEWER},
        {"format": "apollo-persisted-query-manifest", "version": 1, "operations": [{"id": "viewer", "body": VIEWER}]},
    ],
    ids=["by id", "Apollo's"],
)
def test_a_manifest_names_the_documents(tmp_path: Path, manifest: dict[str, Any]) -> None:
    file = tmp_path / "documents.json"
    file.write_text(json.dumps(manifest))
    known = documents(file)
    assert known.resolve(None, None, "viewer") == VIEWER
    assert known.resolve(None, persisted(VIEWER)) == VIEWER
    assert refused(known, None, None, "other") == "PERSISTED_QUERY_NOT_FOUND"


def test_an_unregistered_document_is_refused_where_only_registered_run(folder: Path) -> None:
    known = documents(folder, only=True)
    assert known.resolve(None, None, digest(VIEWER)) == VIEWER + "\n"
    assert known.resolve(VIEWER) == VIEWER
    assert known.resolve(VIEWER, persisted(VIEWER)) == VIEWER
    for query, extensions in ((SYSTEMS, None), (SYSTEMS, persisted(SYSTEMS)), ("{ __schema { description } }", None)):
        assert refused(known, query, extensions) == "PERSISTED_QUERY_NOT_FOUND"
    assert refused(known, None, persisted(SYSTEMS)) == "PERSISTED_QUERY_NOT_FOUND"


def test_a_request_names_one_document() -> None:
    known = documents()
    assert refused(known, None) == "BAD_USER_INPUT"
    assert refused(known, "") == "BAD_USER_INPUT"
    assert refused(known, VIEWER, None, "id") == "BAD_USER_INPUT"
    assert refused(known, None, persisted(VIEWER), "id") == "BAD_USER_INPUT"
    assert refused(known, "#" * (LONGEST_DOCUMENT + 1)) == "TOKEN_LIMIT"


@pytest.mark.parametrize("content", ["{", "[]", '{"a": 1}', '{"operations": [{"id": "a"}]}', "{}"])
def test_documents_that_cannot_be_read_prevent_the_start(tmp_path: Path, content: str) -> None:
    file = tmp_path / "documents.json"
    file.write_text(content)
    with pytest.raises(StartupError):
        documents(file)
    with pytest.raises(StartupError):
        documents(tmp_path / "nowhere")
