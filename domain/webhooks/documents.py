"""The port through which the GraphQL side answers subscription documents of webhooks."""

import asyncio
from collections.abc import Mapping
from typing import Any, Protocol

from domain.errors import UnsupportedError
from domain.model.change import Change
from domain.model.viewer import Audience


class Documents(Protocol):
    """The executor of subscription documents, which `domain` knows nothing else of."""

    async def check(self, document: str, variables: Mapping[str, Any], audience: Audience) -> None:
        """Check a document that is to be saved.

        Raises:
            InvalidInputError: it is no subscription that a webhook can have, is not valid, or costs too much.
        """

    async def answer(
        self, document: str, variables: Mapping[str, Any], audience: Audience, change: Change
    ) -> bytes | None:
        """Return the answer to a change as JSON; None where the document does not want it.

        Raises:
            UnavailableError: the database is away.
            InvalidInputError: the document is not valid any more.
        """


class DocumentPort:
    """The place that the GraphQL side fills when it is set up; a process without it delivers nothing."""

    def __init__(self) -> None:
        self._documents: Documents | None = None
        #: Set once it is filled.
        self.filled = asyncio.Event()

    def fill(self, documents: Documents) -> None:
        """Use this executor from now on."""
        self._documents = documents
        self.filled.set()

    def use(self) -> Documents:
        """Return the executor.

        Raises:
            UnsupportedError: this process has none.
        """
        if self._documents is None:
            raise UnsupportedError("Documents of webhooks need a process that serves the API.")
        return self._documents
