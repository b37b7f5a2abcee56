"""Visitors of the status page who are notified of what it shows: their subscriptions, and pending messages."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum


class VisitorKind(StrEnum):
    """The kind of place that a visitor's messages go to."""

    MAIL = "mail"
    WEBHOOK = "webhook"


class VisitorState(StrEnum):
    """The state of a visitor's subscription."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorSubscription:
    """One subscription of a visitor; its address and its tokens are encrypted."""

    id: str
    kind: VisitorKind
    state: VisitorState
    #: The address and both tokens, and of a webhook the secret that messages are signed with, encrypted.
    sealed: str = field(repr=False)
    sealed_secret: str | None = field(default=None, repr=False)
    #: The systems that it is about; empty for all. And those that were last asked for, which a confirmation puts there.
    system_ids: tuple[str, ...] = ()
    asked_system_ids: tuple[str, ...] = ()
    created_at: datetime
    #: When somebody last asked for it so that a confirmation was sent, how often since the last one was followed, and
    #: from when on another may be sent.
    asked_at: datetime
    asks: int = 1
    next_ask_at: datetime
    #: Until when the token of the last confirmation is good.
    confirm_until: datetime
    confirmed_at: datetime | None = None
    paused_at: datetime | None = None
    paused_reason: str | None = None
    failing_since: datetime | None = None
    last_success_at: datetime | None = None
    #: Only changes behind this position of the log are announced.
    after_seq: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorDigests:
    """The digests by which a subscription is found; nothing can be read back from them."""

    #: Of the address; no two subscriptions have the same.
    address: str
    #: Of the mailbox or the page behind several addresses, such as `a+1@b.example` and `a+2@b.example`.
    place: str
    confirm: str
    leave: str


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorLink:
    """The link of a confirmation: the subscription, and the systems that it will be about; none for all."""

    subscription_id: str
    system_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorDelivery:
    """One message to a visitor that is yet to be sent; its text is made when it is sent."""

    id: str
    subscription_id: str
    #: The change that it is about; None for a confirmation.
    change_id: str | None
    seq: int
    attempts: int = 0
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class VisitorNotice:
    """A change that visitors are to be notified of, and how far their messages are queued."""

    seq: int
    change_id: str
    #: The last subscription that was looked at; empty before the first.
    reached: str
    created_at: datetime
