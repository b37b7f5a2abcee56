"""Everything that has an id of its own."""

import strawberry


@strawberry.interface(description="Something with an id, to be found again by `node`.")
class Node:
    id: strawberry.ID = strawberry.field(description="The id: opaque, and the same in events, logs and webhooks.")
