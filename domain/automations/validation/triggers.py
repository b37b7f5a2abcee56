"""Validation of triggers, and of the gates before a run."""

from collections.abc import Iterator

from domain.automations.definitions.definition import Definition, TriggerPart
from domain.automations.triggers.schedule import MANUAL
from domain.automations.validation.catalog import Catalog
from domain.automations.validation.configs import config_problems
from domain.automations.validation.places import Facts, Place
from domain.automations.validation.problems import Problem
from domain.automations.validation.texts import Texts
from domain.entities.triggers import Trigger

#: Before a run nothing has run yet.
_NOTHING = Facts()


def trigger_problems(definition: Definition, catalog: Catalog, texts: Texts) -> Iterator[Problem]:
    """Yield the problems of a definition's triggers."""
    for index, part in enumerate(definition.triggers):
        path = f"triggers[{index}]"
        trigger = catalog.triggers.get(part.event)
        if trigger is None:
            yield Problem(path=f"{path}.event", message=unknown_event(part.event, catalog))
        else:
            yield from _settings(path, part, trigger)
            yield from _without_entity(path, part, trigger)
        yield from _texts(path, part, texts)


def gate_problems(definition: Definition, texts: Texts) -> Iterator[Problem]:
    """Yield the problems of a definition's conditions and keys."""
    for index, condition in enumerate(definition.conditions):
        yield from texts.condition(f"conditions[{index}]", condition, Place.GATE, _NOTHING)
    if definition.once_for is not None:
        yield from texts.expression("once_for", definition.once_for, Place.ONCE, _NOTHING)


def unknown_event(event: str, catalog: Catalog) -> str:
    """Return the message for an unknown trigger, with the known ones."""
    return f"There is no trigger {event!r}; there are {', '.join(known.id for known in catalog.triggers.all())}."


def is_of_entity(trigger: Trigger) -> bool:
    """Return whether the trigger is fired by an entity, rather than by time or a person."""
    return bool(trigger.context_key)


def _settings(path: str, part: TriggerPart, trigger: Trigger) -> Iterator[Problem]:
    if trigger.config is not None:
        yield from config_problems(f"{path}.config", trigger.config, part.config or {}, templates=False)
    elif part.config:
        yield Problem(path=f"{path}.config", message=f"The trigger {trigger.id} has no settings.")


def _without_entity(path: str, part: TriggerPart, trigger: Trigger) -> Iterator[Problem]:
    """Yield the problems of a trigger that no entity fires: nothing of it lasts, or is filtered or counted."""
    if is_of_entity(trigger):
        return
    if part.for_ is not None:
        yield Problem(path=f"{path}.for", message=f"Nothing of {trigger.id} can hold for a time.")
    if part.window is not None and trigger.id == MANUAL:
        yield Problem(path=f"{path}.window", message=f"The firings of {trigger.id} are not counted.")
    if part.filter is not None and trigger.id == MANUAL:
        yield Problem(path=f"{path}.filter", message="A run by hand is not filtered.")


def _texts(path: str, part: TriggerPart, texts: Texts) -> Iterator[Problem]:
    facts = Facts(event=part.event)
    if part.filter is not None:
        yield from texts.expression(f"{path}.filter", part.filter, Place.GATE, facts)
    yield from texts.duration(f"{path}.for", part.for_, Place.DWELL, facts)
    if part.window is not None and part.window.partition_by is not None:
        yield from texts.expression(f"{path}.window.partition_by", part.window.partition_by, Place.GATE, facts)
