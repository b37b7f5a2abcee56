"""People that incidents can be assigned to."""

from dataclasses import dataclass

from domain.model.actor import Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """A person, or a program with a token, that is known here."""

    #: Of the row; everybody else names a person by the actor's id.
    id: str
    actor: Actor
