"""Queries about ready-made automations."""

import strawberry

from domain.automations.definitions.templates import TEMPLATES
from gql.types.template import AutomationTemplate


@strawberry.type
class TemplateQueries:
    @strawberry.field(description="The ready-made automations.")
    def automation_templates(self) -> list[AutomationTemplate]:
        return [AutomationTemplate.of(template) for template in TEMPLATES]
