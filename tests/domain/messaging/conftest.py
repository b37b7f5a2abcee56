"""One domain for many tests of a module, as for entities."""

from tests.domain.entities.conftest import shared

__all__ = ["shared"]
