"""Automations of the demonstration: the templates, with seconds instead of minutes."""

from contextlib import suppress

from domain.automations.definitions.templates import FLAPPING, SUSTAINED, definition_from
from domain.automations.services.automations import AutomationService, WriteAutomation
from domain.errors import AlreadyExistsError
from domain.model.viewer import Viewer

_GROUP = "Demonstration"
_INSTALLED = (
    ("Open and resolve incidents by health", SUSTAINED, {"degradedSeconds": 8, "healthySeconds": 12}),
    ("Open incidents for systems that flap", FLAPPING, {"transitions": 3, "withinMinutes": 30}),
)


async def install(service: AutomationService, viewer: Viewer) -> None:
    """Add those of the demonstration's automations that are missing."""
    for name, template, parameters in _INSTALLED:
        command = WriteAutomation(
            name=name,
            description=template.description,
            group=_GROUP,
            definition=definition_from(template.id, parameters),
            managed_by="demo",
        )
        with suppress(AlreadyExistsError):
            await service.create(viewer, command)
