"""The parts under a domain's services, which its public face does not show."""

from domain.bootstrap import Assembly, Domain


def inside(domain: Domain) -> Assembly:
    """Return the domain with its parts: the database, the tail of the log, the doors to its entities."""
    assert isinstance(domain, Assembly)
    return domain
