"""The resolution of systems' ids and keys to ids."""

from collections.abc import Mapping, Sequence

from domain.errors import InvalidInputError, UnknownSystemError
from domain.model.incident import SYSTEMS_PER_INCIDENT
from domain.persistence.unit_of_work import UnitOfWork


async def system_ids_of(unit: UnitOfWork, references: Sequence[str], *, field: str = "systemIds") -> list[str]:
    """Return the ids of 1 to 100 references, in order and each once; the systems are locked until the commit.

    Raises:
        InvalidInputError: there are none, or too many.
        UnknownSystemError: one is not in the catalog; its index is in the error's field.
    """
    _check_count(references, field)
    return await known_system_ids(unit, references, field=field)


async def opened_on(
    unit: UnitOfWork, incident_id: str, references: Sequence[str], *, dedupe_key: str, field: str = "systemIds"
) -> tuple[list[str], int]:
    """Return the ids of 1 to 100 references, as `system_ids_of`, and the number of a new incident that claims them.

    Raises:
        InvalidInputError: there are none, or too many.
        UnknownSystemError: one is not in the catalog; its index is in the error's field.
    """
    _check_count(references, field)
    found, number = await unit.openings.open(incident_id, references, dedupe_key)
    ordered = _in_order(found, references, field)
    assert number is not None
    return ordered, number


async def known_system_ids(unit: UnitOfWork, references: Sequence[str], *, field: str = "systemIds") -> list[str]:
    """Return the ids of references, in order and each once; the systems are locked until the commit.

    Raises:
        UnknownSystemError: one is not in the catalog; its index is in the error's field.
    """
    return _in_order(await unit.systems.resolve(references, keep=True), references, field)


def _check_count(references: Sequence[str], field: str) -> None:
    if not references:
        raise InvalidInputError("An incident affects at least one system.", field=[field])
    if len(references) > SYSTEMS_PER_INCIDENT:
        raise InvalidInputError(f"An incident affects at most {SYSTEMS_PER_INCIDENT} systems.", field=[field])


def _in_order(found: Mapping[str, str], references: Sequence[str], field: str) -> list[str]:
    for index, reference in enumerate(references):
        if reference not in found:
            raise UnknownSystemError(reference, field=[field, str(index)])
    return list(dict.fromkeys(found[reference] for reference in references))
