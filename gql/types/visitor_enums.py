"""The enums of visitors' subscriptions, imported from here alone: this module registers them with Strawberry."""

from domain.model.visitor import VisitorKind, VisitorState
from gql.types.enums import described

__all__ = ["VisitorKind", "VisitorState"]

described(
    VisitorKind,
    name="VisitorSubscriptionKind",
    description="The kind of place that a visitor's messages go to.",
    values={VisitorKind.MAIL: "A mailbox.", VisitorKind.WEBHOOK: "A web address that messages are posted to."},
)

described(
    VisitorState,
    name="VisitorSubscriptionState",
    description="The state of a visitor's subscription.",
    values={
        VisitorState.PENDING: "It is yet to be confirmed, and nothing else is sent. After a day it is deleted.",
        VisitorState.CONFIRMED: "Its owner has confirmed it, and gets messages.",
        VisitorState.PAUSED: "Its address does not take messages any more. Its owner can subscribe again.",
    },
)
