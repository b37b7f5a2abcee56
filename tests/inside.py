"""The parts under a domain's services, which its public interface does not show."""

from domain.bootstrap import Assembly, Domain


def inside(domain: Domain) -> Assembly:
    """Return the domain with its parts: the database, the tail of the log, the handles of its entities."""
    assert isinstance(domain, Assembly)
    return domain
