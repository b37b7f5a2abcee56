"""Channels, and the payloads of mutations on them."""

from datetime import datetime
from typing import Self

import strawberry

from domain.model import channel as model
from gql.types.actor import Actor
from gql.types.copying import copied
from gql.types.node import Node
from gql.types.payloads import Payload


@strawberry.type(
    description="A place where people read messages, such as a mailbox or a chat room. Its URL, a secret, is not shown."
)
class Channel(Node):
    name: str = strawberry.field(description="Its name, by which automations send to it.")
    service: str = strawberry.field(description="The service that takes its messages, such as `Slack`.")
    address: str = strawberry.field(
        description="The scheme of its URL and, of services of one's own, its host, such as `ntfys://ntfy.example.com/****`."
    )
    created_at: datetime = strawberry.field(description="When it was created.")
    updated_at: datetime = strawberry.field(description="When it last changed.")
    created_by: Actor = strawberry.field(description="The actor that created it.")

    @classmethod
    def of(cls, channel: model.Channel) -> Self:
        return copied(cls, channel, created_by=Actor.of(channel.created_by))


@strawberry.type(description="The payload of `createChannel`.")
class CreateChannelPayload(Payload):
    channel: Channel | None = strawberry.field(default=None, description="The channel.")


@strawberry.type(description="The payload of `updateChannel`.")
class UpdateChannelPayload(Payload):
    channel: Channel | None = strawberry.field(default=None, description="The channel as it is now.")


@strawberry.type(description="The payload of `testChannel`.")
class TestChannelPayload(Payload):
    channel: Channel | None = strawberry.field(default=None, description="The channel, whose service took the message.")


@strawberry.type(description="The payload of `deleteChannel`.")
class DeleteChannelPayload(Payload):
    deleted_channel_id: strawberry.ID | None = strawberry.field(
        default=None, description="The id of the deleted object."
    )
