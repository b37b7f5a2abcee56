"""Queries about the catalogs of triggers, actions and artifacts."""

import strawberry
from strawberry.scalars import JSON

from domain.automations.definitions.definition import definition_schema
from gql.context import Info
from gql.types.catalog import Action, ArtifactType
from gql.types.trigger import Trigger


@strawberry.type
class CatalogQueries:
    @strawberry.field(description="The catalog of triggers with their payloads.")
    async def triggers(self, info: Info) -> list[Trigger]:
        return [Trigger.of(trigger) for trigger in info.context.domain.automations.catalog.triggers.all()]

    @strawberry.field(description="The catalog of actions with their settings.")
    async def actions(self, info: Info) -> list[Action]:
        return [Action.of(action) for action in info.context.domain.automations.catalog.actions.all()]

    @strawberry.field(description="The catalog of artifacts, which actions pass to later steps and runs.")
    async def artifact_types(self, info: Info) -> list[ArtifactType]:
        return [ArtifactType.of(artifact) for artifact in info.context.domain.automations.catalog.actions.artifacts()]

    @strawberry.field(description="The JSON Schema of an automation's definition, for editors and generators.")
    async def automation_schema(self) -> JSON:
        return JSON(definition_schema())
