"""The interface of all types with an id."""

import strawberry


@strawberry.interface(description="An object with an id, which `node` finds.")
class Node:
    id: strawberry.ID = strawberry.field(description="The id: opaque, and the same in events, logs and webhooks.")
