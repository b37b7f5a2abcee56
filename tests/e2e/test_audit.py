import pytest
import sqlalchemy as sa

from domain.bootstrap import Domain
from domain.model.incident import Status
from domain.persistence.unit_of_work import UnitOfWork
from tests.e2e.audit import contradictions, truth_of
from tests.factories import make_incident, set_status
from tests.inside import inside


async def test_the_audit_finds_no_contradiction_in_a_sound_database(domain: Domain, database_url: str) -> None:
    await make_history(domain)
    assert contradictions(await truth_of(database_url)) == []


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param("DELETE FROM changes WHERE seq = 2", id="a change that is lost"),
        pytest.param("UPDATE changes SET version = 5 WHERE seq = 3", id="a version that was passed by"),
        pytest.param("UPDATE incidents SET version = 9", id="a row ahead of its log"),
        pytest.param("DELETE FROM incidents", id="a row that is lost"),
        pytest.param("DELETE FROM changes", id="a log that is lost"),
        pytest.param("DELETE FROM entity_transitions WHERE field = 'status'", id="a transition that is lost"),
        pytest.param("UPDATE incidents SET fixing_at = NULL", id="a time that its timeline does not have"),
        pytest.param("UPDATE incident_updates SET status_change = NULL", id="a status that no entry has"),
        pytest.param("UPDATE entity_transitions SET change_id = 'chg_other'", id="a transition of nothing"),
    ],
)
async def test_the_audit_finds_damage(domain: Domain, database_url: str, damage: str) -> None:
    await make_history(domain)

    async def spoil(unit: UnitOfWork) -> None:
        await unit.connection.execute(sa.text(damage))

    await inside(domain).database.write(spoil)
    assert contradictions(await truth_of(database_url)) != []


async def make_history(domain: Domain) -> None:
    incident = await make_incident(domain)
    for status in (Status.IDENTIFIED, Status.FIXING):
        incident = await set_status(domain, incident, status)
