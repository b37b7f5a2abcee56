"""An index of those that watch the log by the places that they watch: a change finds them without asking each."""

from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

from domain.model.change import Change
from domain.services.events import AnyWatch
from gql.transport.places import places_of_change, places_of_watch

ListenerT = TypeVar("ListenerT", bound=Hashable)


class Listeners(Generic[ListenerT]):
    """Those that watch the log, by place, each with its watch."""

    def __init__(self) -> None:
        self._places: dict[tuple[str, str], dict[ListenerT, AnyWatch]] = {}

    def __len__(self) -> int:
        return len(self._places)

    def add(self, listener: ListenerT, watch: AnyWatch) -> None:
        """Add a listener at all places of its watch."""
        for place in places_of_watch(watch):
            self._places.setdefault(place, {})[listener] = watch

    def remove(self, listener: ListenerT, watch: AnyWatch | None) -> None:
        """Remove a listener from the places of its watch; one that was not added is no error."""
        for place in places_of_watch(watch):
            listeners = self._places.get(place, {})
            listeners.pop(listener, None)
            if not listeners:
                self._places.pop(place, None)

    def interested(self, change: Change) -> Iterator[ListenerT]:
        """Yield those that want a change, each once; only watches that name one of its places are checked."""
        seen: set[ListenerT] = set()
        for place in places_of_change(change):
            for listener, watch in self._places.get(place, {}).items():
                if listener not in seen and watch.wants(change):
                    seen.add(listener)
                    yield listener
