"""Persisted documents, which clients name instead of sending their text: registered or sent once before."""

import hashlib
import json
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from graphql import GraphQLError

from domain.errors import StartupError
from domain.settings import Settings

#: Parsing a long token goes by characters; this length takes 15 milliseconds.
LONGEST_DOCUMENT = 50_000
_MOST_SENT = 1_000
_MOST_SENT_CHARACTERS = 5_000_000
_HASH = re.compile(r"[0-9a-f]{64}")
_HASHED = "sha256:"


class Documents:
    """The documents of one process.

    Raises:
        StartupError: the registered documents cannot be read.
    """

    def __init__(self, settings: Settings) -> None:
        self._registered = {} if settings.documents is None else dict(_registered(Path(settings.documents)))
        self._only_registered = settings.documents_only
        self._sent: OrderedDict[str, str] = OrderedDict()
        self._sent_characters = 0

    def resolve(
        self, query: str | None, extensions: Mapping[str, Any] | None = None, document_id: str | None = None
    ) -> str:
        """Return the text to run: the query itself, or the document that an id or a hash names.

        `extensions.persistedQuery` follows Apollo's automatic persisted queries: a client sends the hash alone first,
        and adds the text where the hash is unknown.

        Raises:
            GraphQLError: there is neither text nor name, they contradict each other, or the name is unknown; with a
                code in its extensions.
        """
        if query is not None and len(query) > LONGEST_DOCUMENT:
            raise _error("TOKEN_LIMIT", f"A document may have {LONGEST_DOCUMENT} characters at most.")
        digest = _digest_in(extensions)
        if document_id is not None:
            if query or digest is not None:
                raise _error("BAD_USER_INPUT", "Send `documentId` or `query`, not both.")
            return self._named(document_id.removeprefix(_HASHED))
        if digest is not None:
            return self._named(digest) if not query else self._kept(query, digest)
        if not query:
            raise _error("BAD_USER_INPUT", "There is no GraphQL document in the request: send `query`.")
        return self._allowed(query, _digest(query)) if self._only_registered else query

    def _named(self, name: str) -> str:
        text = self._registered.get(name) or self._sent.get(name)
        if text is None:
            # Apollo's clients recognise this answer by its message, too.
            raise _error("PERSISTED_QUERY_NOT_FOUND", "PersistedQueryNotFound")
        if name in self._sent:
            self._sent.move_to_end(name)
        return text

    def _kept(self, query: str, digest: str) -> str:
        if _digest(query) != digest:
            raise _error("BAD_USER_INPUT", "`persistedQuery.sha256Hash` is not the hash of `query`.")
        if self._only_registered:
            return self._allowed(query, digest)
        if digest not in self._sent:
            self._sent[digest] = query
            self._sent_characters += len(query)
        self._sent.move_to_end(digest)
        while len(self._sent) > _MOST_SENT or self._sent_characters > _MOST_SENT_CHARACTERS:
            _, evicted = self._sent.popitem(last=False)
            self._sent_characters -= len(evicted)
        return query

    def _allowed(self, query: str, digest: str) -> str:
        if digest not in self._registered:
            raise _error("PERSISTED_QUERY_NOT_FOUND", "Only registered documents run here, and this is none of them.")
        return query


def _digest_in(extensions: Mapping[str, Any] | None) -> str | None:
    """Return the hash that Apollo's clients send; None where there is none."""
    persisted = (extensions or {}).get("persistedQuery")
    if persisted is None:
        return None
    if not isinstance(persisted, dict) or persisted.get("version") != 1:
        raise _error("BAD_USER_INPUT", "`persistedQuery` must be an object with `version: 1` and a `sha256Hash`.")
    digest = persisted.get("sha256Hash")
    if not isinstance(digest, str) or _HASH.fullmatch(digest.lower()) is None:
        raise _error("BAD_USER_INPUT", "`persistedQuery.sha256Hash` must be a SHA-256 in hexadecimal.")
    return digest.lower()


def _registered(path: Path) -> Iterator[tuple[str, str]]:
    """Yield the names and texts of the registered documents; each text has its hash as a second name."""
    try:
        found = list(_in_folder(path) if path.is_dir() else _in_manifest(path))
    except (OSError, ValueError, KeyError) as error:
        raise StartupError(f"The documents of {path} cannot be read: {error}.") from error
    if not found:
        raise StartupError(f"There are no documents in {path}.")
    for name, text in found:
        yield name.removeprefix(_HASHED), text
        yield _digest(text), text


def _in_folder(folder: Path) -> Iterator[tuple[str, str]]:
    for suffix in ("graphql", "gql"):
        for file in sorted(folder.rglob(f"*.{suffix}")):
            # Unchanged to the byte, so that the hash equals that of the text which a client sends.
            text = file.read_bytes().decode()
            yield _digest(text), text
            yield _digest(text.strip()), text
    for file in sorted(folder.rglob("*.json")):
        yield from _in_manifest(file)


def _in_manifest(file: Path) -> Iterator[tuple[str, str]]:
    """Yield the ids and texts of `{"id": "text"}` or of Apollo's manifest."""
    content = json.loads(file.read_bytes())
    operations = content.get("operations") if isinstance(content, dict) else None
    if isinstance(operations, list):
        content = {operation["id"]: operation["body"] for operation in operations if isinstance(operation, dict)}
    if not isinstance(content, dict) or not all(isinstance(text, str) for text in content.values()):
        raise ValueError("a JSON object of documents by id is needed")
    yield from content.items()


def _digest(text: str) -> str:
    # A lone surrogate has no UTF-8; orjson lets none in, the WebSocket's decoder might.
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()


def _error(code: str, message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})
