"""Filters of changes: by the states before and after each."""

from domain.bootstrap import Domain
from domain.model.commands import UpdateIncident
from domain.model.filters import Field, Not, Operator, Term
from domain.model.incident import Severity
from domain.model.paging import PageRequest
from domain.model.viewer import Audience
from domain.services.events import Watch
from tests.factories import ADMIN, make_incident


async def test_a_change_matches_by_its_state_before_or_after_it(domain: Domain) -> None:
    incident = await make_incident(domain, severity=Severity.MINOR)
    await domain.incidents.update(ADMIN, UpdateIncident(id=incident.id, severity=Severity.CRITICAL))
    await domain.incidents.delete(ADMIN, incident.id)

    async def versions(severity: Severity) -> list[int]:
        tree = Term(Field.SEVERITY, Operator.IN, (severity,))
        page = await domain.events.page(Watch(audience=Audience.PUBLIC, tree=tree), PageRequest())
        return [change.version for change in page.items]

    assert [await versions(severity) for severity in Severity] == [[1, 2], [], [2, 3]]


async def test_not_does_not_match_the_nothing_before_a_creation(domain: Domain) -> None:
    await make_incident(domain, severity=Severity.MINOR)
    tree = Not(Term(Field.SEVERITY, Operator.IN, (Severity.MINOR,)))
    page = await domain.events.page(Watch(audience=Audience.PUBLIC, tree=tree), PageRequest())
    assert list(page.items) == []
