"""Labels of incidents."""

from collections.abc import Iterable
from typing import Self

import strawberry


@strawberry.type(description="A label of an incident.")
class IncidentLabel:
    key: str = strawberry.field(description="The key, which an incident has once.")
    value: str = strawberry.field(description="The value.")

    @classmethod
    def list_of(cls, labels: Iterable[tuple[str, str]]) -> list[Self]:
        return [cls(key=key, value=value) for key, value in labels]
