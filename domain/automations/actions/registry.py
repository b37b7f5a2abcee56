"""The catalog of actions: what each does, its settings, and the artifacts that it produces."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from domain.entities.origin import Origin
from domain.errors import DomainError
from domain.model.automation import AutomationRun
from domain.persistence.unit_of_work import UnitOfWork

#: Migrates a config of one version to the next.
Migration = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class ActionFailedError(DomainError):
    """An action's failure; its step fails with this message, and nothing is written."""


@dataclass(frozen=True, slots=True)
class VersionedConfig:
    """The settings of an action at their present version, with the migrations from each earlier version.

    Raises:
        ValueError: the migrations do not lead from version 1 to the present one without a gap.
    """

    version: int
    model: type[BaseModel]
    migrations: Mapping[int, Migration] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if sorted(self.migrations) != list(range(1, self.version)):
            raise ValueError(f"migrations must lead from version 1 to {self.version} without a gap")

    def migrated(self, config: Mapping[str, Any], *, version: int = 1) -> Mapping[str, Any]:
        """Return the config at the present version; a stored config without a version is of the first."""
        for step in range(version, self.version):
            config = self.migrations[step](config)
        return config


@dataclass(frozen=True, slots=True, kw_only=True)
class Produced:
    """An artifact that an action produces."""

    type: str
    data: Mapping[str, Any]
    #: The entity that it names.
    entity_id: str | None = None
    #: Whether the automation may end it: it made it, or took it over.
    owned: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The result of an action."""

    external_id: str | None = None
    artifact: Produced | None = None
    #: Further output for the trace.
    details: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionContext:
    """The run that an action belongs to, and what it consumes."""

    run: AutomationRun
    origin: Origin
    path: str
    #: The newest artifact of each type that the action consumes, as far as there is one.
    consumed: Mapping[str, Produced]

    @property
    def idempotency_key(self) -> str:
        """The idempotency key: the same for all attempts at this step, and for no other step."""
        return f"{self.run.id}:{self.path}"


#: Does its work in the unit of work that also records the step: exactly once, even over crashes.
PerformIn = Callable[[UnitOfWork, Any, ActionContext], Awaitable[Result]]
#: Does its work outside: at least once, with the same idempotency key each time.
Perform = Callable[[Any, ActionContext], Awaitable[Result]]


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionType:
    """One kind of action; it has either `perform_in` or `perform`."""

    id: str
    display_name: str
    description: str
    category: str = "Uncategorized"
    icon: str
    config: VersionedConfig
    produces: str | None = None
    consumes: tuple[str, ...] = ()
    perform_in: PerformIn | None = None
    perform: Perform | None = None
    #: Finds the faults of settings that may still hold templates, by their names.
    faults: Mapping[str, Callable[[Any], str | None]] = field(default_factory=dict)
    #: The model of `steps.<id>.output` after it, by wire names; fields that it need not give may be missing.
    output: type[BaseModel] | None = None
    #: What a dry run takes for its output, by its settings: it does not leave the process.
    assumed: Callable[[Any], Mapping[str, Any]] | None = None
    #: Whether its settings may name secrets, which are filled in only as they leave the process.
    sees_secrets: bool = False

    @property
    def config_schema(self) -> Mapping[str, Any]:
        """The JSON Schema of its settings."""
        return self.config.model.model_json_schema(by_alias=True)

    @property
    def output_schema(self) -> Mapping[str, Any] | None:
        """The JSON Schema of its output, in wire names; None where it is not known."""
        return None if self.output is None else self.output.model_json_schema(by_alias=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactType:
    """One kind of artifact."""

    id: str
    display_name: str
    description: str
    data: type[BaseModel]

    @property
    def local_name(self) -> str:
        """Its name in `artifacts.<action id>.<name>`."""
        return local_name(self.id)

    @property
    def data_schema(self) -> Mapping[str, Any]:
        """The JSON Schema of its data, in wire names."""
        return self.data.model_json_schema(by_alias=True)

    def checked(self, data: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the data, validated by the type's model.

        Raises:
            pydantic.ValidationError: it does not fit.
        """
        return self.data.model_validate(data).model_dump(mode="json", by_alias=True)


def local_name(type_: str) -> str:
    """Return the name of a type of artifact in `artifacts.<action id>.<name>`."""
    return type_.rpartition(".")[2]


class ActionRegistry:
    """All actions and types of artifacts by id."""

    def __init__(self) -> None:
        self._actions: dict[str, ActionType] = {}
        self._artifacts: dict[str, ArtifactType] = {}

    def register(self, action: ActionType) -> None:
        """Register an action.

        Raises:
            ValueError: its id is taken, it produces or consumes an unknown type, or it does not say how it works.
        """
        if action.id in self._actions:
            raise ValueError(f"the action {action.id!r} is registered already")
        if (action.perform is None) is (action.perform_in is None):
            raise ValueError(f"the action {action.id!r} needs either perform or perform_in")
        for type_ in (*action.consumes, *([action.produces] if action.produces else [])):
            if type_ not in self._artifacts:
                raise ValueError(f"the action {action.id!r} names an unknown type of artifact, {type_!r}")
        self._actions[action.id] = action

    def register_artifact(self, artifact: ArtifactType) -> None:
        """Register a type of artifact.

        Raises:
            ValueError: its id is taken.
        """
        if artifact.id in self._artifacts:
            raise ValueError(f"the type {artifact.id!r} is registered already")
        self._artifacts[artifact.id] = artifact

    def get(self, action_id: str) -> ActionType | None:
        """Return the action of that id."""
        return self._actions.get(action_id)

    def all(self) -> Sequence[ActionType]:
        """Return all actions in the order of their registration."""
        return tuple(self._actions.values())

    def artifact(self, type_id: str) -> ArtifactType | None:
        """Return the type of artifact of that id."""
        return self._artifacts.get(type_id)

    def artifacts(self) -> Sequence[ArtifactType]:
        """Return all types of artifacts in the order of their registration."""
        return tuple(self._artifacts.values())
