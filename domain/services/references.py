"""The resolution of systems' ids and keys to ids."""

from collections.abc import Sequence

from domain.errors import InvalidInputError, UnknownSystemError
from domain.model.incident import SYSTEMS_PER_INCIDENT
from domain.persistence.unit_of_work import UnitOfWork


async def system_ids_of(unit: UnitOfWork, references: Sequence[str], *, field: str = "systemIds") -> list[str]:
    """Return the ids of 1 to 100 references, in order and each once; the systems are locked until the commit.

    Raises:
        InvalidInputError: there are none, or too many.
        UnknownSystemError: one is not in the catalog; its index is in the error's field.
    """
    if not references:
        raise InvalidInputError("An incident affects at least one system.", field=[field])
    if len(references) > SYSTEMS_PER_INCIDENT:
        raise InvalidInputError(f"An incident affects at most {SYSTEMS_PER_INCIDENT} systems.", field=[field])
    return await known_system_ids(unit, references, field=field)


async def known_system_ids(unit: UnitOfWork, references: Sequence[str], *, field: str = "systemIds") -> list[str]:
    """Return the ids of references, in order and each once; the systems are locked until the commit.

    Raises:
        UnknownSystemError: one is not in the catalog; its index is in the error's field.
    """
    found = await unit.systems.resolve(references, keep=True)
    for index, reference in enumerate(references):
        if reference not in found:
            raise UnknownSystemError(reference, field=[field, str(index)])
    return list(dict.fromkeys(found[reference] for reference in references))
