"""Mutations on channels."""

from typing import Annotated

import strawberry
from strawberry.scalars import ID

from domain.model import channel as model
from domain.services.writing import Outcome
from gql.context import Info
from gql.inputs.channel import CreateChannelInput, DeleteChannelInput, TestChannelInput, UpdateChannelInput
from gql.mutations.answers import answer
from gql.permissions import MANAGE_CHANNELS
from gql.types.channel import (
    Channel,
    CreateChannelPayload,
    DeleteChannelPayload,
    TestChannelPayload,
    UpdateChannelPayload,
)

_INPUT = strawberry.argument(description="The input of the mutation.")


@strawberry.type
class ChannelMutations:
    @strawberry.mutation(
        permission_classes=MANAGE_CHANNELS,
        description="Create a channel to people, for automations to notify. Its URL is checked, and nothing is sent.",
    )
    async def create_channel(self, info: Info, input: Annotated[CreateChannelInput, _INPUT]) -> CreateChannelPayload:
        async def call() -> Outcome[model.Channel]:
            return await info.context.domain.channels.create(info.context.viewer, name=input.name, url=input.url)

        return await answer(info, CreateChannelPayload, call, lambda it: {"channel": Channel.of(it)})

    @strawberry.mutation(
        permission_classes=MANAGE_CHANNELS,
        description="Change the name or the URL of a channel. Messages from now on go where that leads.",
    )
    async def update_channel(self, info: Info, input: Annotated[UpdateChannelInput, _INPUT]) -> UpdateChannelPayload:
        async def call() -> Outcome[model.Channel]:
            return await info.context.domain.channels.update(info.context.viewer, input.command())

        return await answer(info, UpdateChannelPayload, call, lambda it: {"channel": Channel.of(it)})

    @strawberry.mutation(
        permission_classes=MANAGE_CHANNELS,
        description="Send a test message through a channel. Nothing is stored, and no other attempt is made.",
    )
    async def test_channel(self, info: Info, input: Annotated[TestChannelInput, _INPUT]) -> TestChannelPayload:
        async def call() -> Outcome[model.Channel]:
            return await info.context.domain.channels.test(info.context.viewer, input.id)

        return await answer(info, TestChannelPayload, call, lambda it: {"channel": Channel.of(it)})

    @strawberry.mutation(
        permission_classes=MANAGE_CHANNELS,
        description="Delete a channel for good. Steps of automations that name it fail from now on.",
    )
    async def delete_channel(self, info: Info, input: Annotated[DeleteChannelInput, _INPUT]) -> DeleteChannelPayload:
        async def call() -> Outcome[str]:
            return await info.context.domain.channels.delete(info.context.viewer, input.id)

        return await answer(info, DeleteChannelPayload, call, lambda gone: {"deleted_channel_id": ID(gone)})
