"""Channels: places where people read messages, such as a mailbox or a chat room."""

from dataclasses import dataclass
from datetime import datetime

from domain.model.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """A channel without its URL, which is a secret."""

    id: str
    name: str
    #: The name of the service that takes its messages.
    service: str
    #: The URL's scheme, and its host where that is no part of the secret.
    address: str
    created_at: datetime
    updated_at: datetime
    created_by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """A message to people."""

    title: str
    body: str
    #: The same for all attempts to send it, and for no other message.
    id: str
