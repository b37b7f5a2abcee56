"""The erasure of a person, and records of changes and of runs without them."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Any

from domain.ids import new_id
from domain.model.actor import Actor, ActorType
from domain.model.automation import bounded_key

#: The name of everybody who was forgotten.
FORGOTTEN_NAME = "Forgotten person"
_PREFIX = "forgotten"
#: Shorter names and ids occur in texts by chance.
_SHORTEST_IN_TEXTS = 4


class ErasureStatus(StrEnum):
    """The progress of an erasure."""

    PENDING = "pending"
    DONE = "done"


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The erasure of one person; nothing of it says who they were."""

    id: str
    #: The actor that stands in the person's place from now on.
    person: Actor
    status: ErasureStatus
    #: How many rows were rewritten or deleted by now.
    rows: int = 0
    version: int
    forgotten_at: datetime
    finished_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class Forgotten:
    """A person who is being forgotten, and the actor that takes their place."""

    former: Actor
    present: Actor

    def without(self, value: Any) -> Any:
        """Return a record of fields in which the other actor stands wherever this person stood, at any depth."""
        return _renamed(value, self, lambda text: text)

    def without_words(self, value: Any) -> Any:
        """Return a record of a run: besides actors, the person's id and name are replaced within its texts."""
        return _renamed(value, self, self.text)

    def text(self, text: str) -> str:
        """Return a text of a run's record with the person's id and name, as whole words, replaced."""
        return self._words.sub(lambda found: self._instead[found[0]], text) if self._instead else text

    def key(self, text: str) -> str:
        """Return the value of a key of runs; different ones stay different."""
        if not self._instead:
            return text
        return bounded_key(self._words.sub(lambda found: f"{self.present.id}:{self._spelled[found[0]]}", text))

    def json_text(self, text: str) -> str:
        """Return a JSON text of a run's record without the person; its keys keep their order."""
        value = json.loads(text)
        without = self.without_words(value)
        return text if without == value else json.dumps(without)

    @cached_property
    def needles(self) -> tuple[str, ...]:
        """The texts of which a row has at least one where it may name the person: each as columns and as JSON."""
        wanted = [self.former.id, *self._names_in_texts]
        return tuple(dict.fromkeys(form for text in wanted for form in _forms(text)))

    @cached_property
    def _names_in_texts(self) -> tuple[str, ...]:
        name = self.former.name or ""
        # A program is called by a word such as "monitor", which texts have for other reasons.
        is_own = self.former.type is ActorType.USER or " " in name
        return (name,) if is_own and len(name) >= _SHORTEST_IN_TEXTS else ()

    @cached_property
    def _instead(self) -> Mapping[str, str]:
        replaced = {form: FORGOTTEN_NAME for name in self._names_in_texts for form in _forms(name)}
        if len(self.former.id) >= _SHORTEST_IN_TEXTS:
            replaced |= dict.fromkeys(_forms(self.former.id), self.present.id)
        return replaced

    @cached_property
    def _spelled(self) -> Mapping[str, int]:
        return {form: place for place, form in enumerate(self._instead)}

    @cached_property
    def _words(self) -> re.Pattern[str]:
        longest_first = sorted(self._instead, key=len, reverse=True)
        return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)")


def pseudonym_of(kind: ActorType) -> Actor:
    """Return a fresh actor in place of a person; its id says nothing of theirs."""
    return Actor(type=kind, id=f"{_PREFIX}:{new_id(_PREFIX).rpartition('_')[2]}", name=FORGOTTEN_NAME)


def is_pseudonym(actor_id: str) -> bool:
    """Return whether the id is one that stands for a forgotten person."""
    return actor_id.startswith(f"{_PREFIX}:")


def _forms(text: str) -> tuple[str, ...]:
    return tuple(
        dict.fromkeys((text, *(json.dumps(text, ensure_ascii=ascii_only)[1:-1] for ascii_only in (False, True))))
    )


def _renamed(value: Any, forgotten: Forgotten, text: Any) -> Any:
    if isinstance(value, str):
        return text(str(value))
    if isinstance(value, Mapping):
        if _is(value, forgotten.former):
            return {**value, **forgotten.present.as_json()}
        return {name: _renamed(item, forgotten, text) for name, item in value.items()}
    if isinstance(value, list | tuple):
        items = [_renamed(item, forgotten, text) for item in value]
        # Lists of people name each once, in the order of their ids.
        if any(_is(item, forgotten.former) for item in value):
            people = {item["id"]: item for item in items}
            return [people[identifier] for identifier in sorted(people)]
        return items
    return value


def _is(value: Any, actor: Actor) -> bool:
    return isinstance(value, Mapping) and value.get("id") == actor.id and value.get("type") == actor.type
