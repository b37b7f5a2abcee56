"""Inputs about channels."""

import strawberry

from domain.notifications.channels import UpdateChannel
from gql.inputs.given import kept_or_set

_NAME = "Its name, 1 to 200 characters in one line, by which automations send to it; no other channel has it."
_URL = (
    "The URL of Apprise for the service and the place in it, at most 4,000 characters, such as "
    "`slack://TokenA/TokenB/TokenC/#alerts` or `mailto://user:password@example.com`; "
    "https://appriseit.com/services/ has the form of each. It is stored encrypted, and cannot be read."
)


@strawberry.input(description="A channel to create. There is no idempotency key: a name that is taken is refused.")
class CreateChannelInput:
    name: str = strawberry.field(description=_NAME)
    url: str = strawberry.field(description=_URL)


@strawberry.input(description="Changes of a channel; what is absent stays as it is.")
class UpdateChannelInput:
    id: strawberry.ID = strawberry.field(description="Its id.")
    name: str | None = strawberry.field(default=strawberry.UNSET, description=_NAME)
    url: str | None = strawberry.field(default=strawberry.UNSET, description=_URL)

    def command(self) -> UpdateChannel:
        return UpdateChannel(id=self.id, name=kept_or_set(self.name, "name"), url=kept_or_set(self.url, "url"))


@strawberry.input(
    description="A channel to send a test message through. There is no idempotency key: each is a message."
)
class TestChannelInput:
    id: strawberry.ID = strawberry.field(description="Its id.")


@strawberry.input(description="A channel to delete.")
class DeleteChannelInput:
    id: strawberry.ID = strawberry.field(description="Its id.")
