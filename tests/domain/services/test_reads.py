"""The queries on incidents, and the number of their statements."""

from domain.bootstrap import Domain
from domain.ids import new_id
from domain.model.commands import AddIncidentLink, UpdateIncident
from domain.model.filters import EVERYTHING, ONLY_OPEN, Field, Operator, Term
from domain.model.incident import Health, HealthOverride, Severity, Status
from domain.model.paging import Order, PageRequest
from domain.model.system import worst_health
from domain.model.viewer import Audience
from domain.persistence.unit_of_work import ReadSession
from tests.conftest import CountStatements
from tests.domain.dialects import on_one_database
from tests.factories import ADMIN, make_incident, make_system, set_status
from tests.inside import inside

NEWEST = Order(field="created_at")
OPEN_PAGE = PageRequest(tree=ONLY_OPEN)


async def test_no_incidents_have_no_states_and_need_no_statement(
    domain: Domain, count_statements: CountStatements
) -> None:
    with count_statements() as statements:
        assert await inside(domain).database.read(lambda session: inside(domain).handle.get_many(session, [])) == {}
    assert statements == []


@on_one_database
async def test_known_incidents_have_status_severity_and_systems(domain: Domain) -> None:
    systems = sorted([(await make_system(domain, key)).id for key in ("api", "web")])
    incident = await make_incident(domain, "web", "api", severity=Severity.CRITICAL)
    found = await inside(domain).database.read(lambda session: inside(domain).handle.get_many(session, [incident.id]))
    state = found[incident.id].state
    assert state == {"status": "investigating", "severity": "critical", "system_ids": systems}


async def test_unknown_incidents_have_no_state_and_no_junction_is_read(
    domain: Domain, count_statements: CountStatements
) -> None:
    with count_statements() as statements:
        assert (
            await inside(domain).database.read(lambda session: inside(domain).handle.get_many(session, [new_id("inc")]))
            == {}
        )
    assert len(statements) == 1


@on_one_database
async def test_an_incident_without_systems_has_an_empty_list_of_systems(domain: Domain) -> None:
    incident = await make_incident(domain)
    await domain.systems.delete(ADMIN, "payments")
    found = await inside(domain).database.read(lambda session: inside(domain).handle.get_many(session, [incident.id]))
    assert found[incident.id].state["system_ids"] == []


async def test_a_detail_is_read_with_three_statements_in_one_transaction(
    domain: Domain, count_statements: CountStatements
) -> None:
    incident = await make_incident(domain, initial_message="Looking")
    await domain.links.add(ADMIN, AddIncidentLink(incident_id=incident.id, url="https://example.com/"))

    async def detail(session: ReadSession) -> tuple[object, int, int]:
        found = await session.incidents.get_many([incident.id])
        updates = await session.timeline.pages([incident.id], PageRequest(), Audience.MANAGER)
        links = await session.links.pages([incident.id], PageRequest(), Audience.MANAGER)
        return found[incident.id].system_ids, len(updates[incident.id].items), len(links[incident.id].items)

    with count_statements() as statements:
        assert await inside(domain).database.read(detail) == (incident.system_ids, 1, 1)
    assert len(statements) == 3


async def test_an_unknown_incident_takes_one_statement(domain: Domain, count_statements: CountStatements) -> None:
    with count_statements() as statements:
        assert await domain.reads.incidents([new_id("inc")]) == {}
    assert len(statements) == 1


async def test_a_list_reads_the_systems_of_all_its_incidents_at_once(
    domain: Domain, count_statements: CountStatements
) -> None:
    systems = sorted([(await make_system(domain, key)).id for key in ("api", "web")])
    incidents = [await make_incident(domain, *keys) for keys in (("api",), ("web",), ("api", "web"))]
    with count_statements() as statements:
        page = await domain.reads.incident_page(EVERYTHING, NEWEST, PageRequest(), Audience.PUBLIC)
    assert list(page.items) == incidents[::-1]
    assert page.items[0].system_ids == tuple(systems)
    assert len(statements) == 2


async def test_an_empty_list_reads_no_systems(domain: Domain, count_statements: CountStatements) -> None:
    with count_statements() as statements:
        page = await domain.reads.incident_page(EVERYTHING, NEWEST, PageRequest(), Audience.PUBLIC)
    assert list(page.items) == []
    assert len(statements) == 1


async def test_a_list_by_system_takes_three_statements_and_shows_full_memberships(
    domain: Domain, count_statements: CountStatements
) -> None:
    for key in ("api", "web"):
        await make_system(domain, key)
    both, _ = await make_incident(domain, "api", "web"), await make_incident(domain, "api")
    with count_statements() as statements:
        ids = await domain.reads.system_ids(["web"])
        tree = Term(Field.SYSTEM, Operator.IN, tuple(ids.values()))
        page = await domain.reads.incident_page(tree, NEWEST, PageRequest(), Audience.PUBLIC)
    assert list(page.items) == [both]
    assert len(page.items[0].system_ids) == 2
    assert len(statements) == 3


async def test_the_incidents_of_systems_take_two_statements_however_many_there_are(
    domain: Domain, count_statements: CountStatements
) -> None:
    systems = [(await make_system(domain, f"system-{number}")).id for number in range(5)]
    incident = await make_incident(domain, *systems)
    counts = []
    for some in (systems[:1], systems):
        with count_statements() as statements:
            pages = await domain.reads.incident_pages_of_systems(some, OPEN_PAGE, Audience.PUBLIC)
        assert [list(pages[system].items) for system in some] == [[incident]] * len(some)
        counts.append(len(statements))
    assert counts == [2, 2]


async def test_a_system_without_incidents_needs_no_read_of_memberships(
    domain: Domain, count_statements: CountStatements
) -> None:
    system = await make_system(domain)
    with count_statements() as statements:
        pages = await domain.reads.incident_pages_of_systems([system.id], OPEN_PAGE, Audience.PUBLIC)
    assert list(pages[system.id].items) == []
    assert len(statements) == 1


async def test_the_open_incidents_of_no_systems_are_none(domain: Domain) -> None:
    await make_incident(domain)
    assert await domain.reads.incident_pages_of_systems([], OPEN_PAGE, Audience.PUBLIC) == {}


@on_one_database
async def test_an_incident_is_listed_under_each_of_its_systems(domain: Domain) -> None:
    systems = [(await make_system(domain, key)).id for key in ("api", "web")]
    incident = await make_incident(domain, "api", "web")
    pages = await domain.reads.incident_pages_of_systems(systems, OPEN_PAGE, Audience.PUBLIC)
    assert [page.items[0].system_ids for page in pages.values()] == [incident.system_ids] * 2


@on_one_database
async def test_an_open_incident_without_systems_is_listed_under_none(domain: Domain) -> None:
    web = await make_system(domain, "web")
    payments = await make_system(domain, "payments")
    await make_incident(domain)
    await domain.systems.delete(ADMIN, "payments")
    pages = await domain.reads.incident_pages_of_systems([web.id, payments.id], OPEN_PAGE, Audience.PUBLIC)
    assert [list(page.items) for page in pages.values()] == [[], []]


@on_one_database
async def test_a_system_shows_only_its_open_incidents_with_full_memberships(domain: Domain) -> None:
    api = await make_system(domain, "api")
    await make_system(domain, "web")
    still_open = await make_incident(domain, "api", "web")
    await set_status(domain, await make_incident(domain, "api"), Status.RESOLVED)
    page = (await domain.reads.incident_pages_of_systems([api.id], OPEN_PAGE, Audience.PUBLIC))[api.id]
    assert [incident.system_ids for incident in page.items] == [still_open.system_ids]
    assert await domain.reads.incident_counts_of_systems([api.id], ONLY_OPEN, Audience.PUBLIC) == {api.id: 1}
    assert await domain.reads.incident_counts_of_systems([api.id], EVERYTHING, Audience.PUBLIC) == {api.id: 2}


async def test_no_systems_have_no_overrides_and_need_no_statement(
    domain: Domain, count_statements: CountStatements
) -> None:
    with count_statements() as statements:
        assert await domain.reads.active_overrides([]) == {}
    assert statements == []


@on_one_database
async def test_overrides_are_grouped_by_system_with_status_id_and_title(domain: Domain) -> None:
    await make_system(domain)
    degraded = await make_incident(domain, "payments", title="Slow", health_override=HealthOverride.DEGRADED)
    down = await make_incident(domain, "payments", title="Down", health_override=HealthOverride.UNHEALTHY)
    system = down.system_ids[0]
    overrides = (await domain.reads.active_overrides([system]))[system]
    assert [(word.status, word.incident_id, word.incident_title) for word in overrides] == [
        (HealthOverride.DEGRADED, degraded.id, "Slow"),
        (HealthOverride.UNHEALTHY, down.id, "Down"),
    ]
    assert worst_health(Health.HEALTHY, overrides) is Health.UNHEALTHY


@on_one_database
async def test_systems_without_an_override_are_left_out(domain: Domain) -> None:
    plain = (await make_incident(domain)).system_ids[0]
    other = (await make_system(domain, "web")).id
    assert await domain.reads.active_overrides([plain, other]) == {}


async def test_resolving_or_clearing_lifts_an_override_at_once(domain: Domain) -> None:
    await make_system(domain)
    first, second = [await make_incident(domain, "payments", health_override=HealthOverride.DEGRADED) for _ in range(2)]
    await domain.incidents.resolve(ADMIN, first.id)
    await domain.incidents.update(ADMIN, UpdateIncident(id=second.id, health_override=None))
    assert await domain.reads.active_overrides(first.system_ids) == {}


async def test_the_timelines_of_many_incidents_equal_those_of_each(domain: Domain) -> None:
    await make_system(domain)
    ids = [(await make_incident(domain, "payments", initial_message=text)).id for text in ("One", "Two")]
    together = await domain.reads.update_pages(ids, PageRequest(), Audience.MANAGER)
    each = [await domain.reads.update_pages([identifier], PageRequest(), Audience.MANAGER) for identifier in ids]
    assert together == each[0] | each[1]


@on_one_database
async def test_the_timelines_of_no_incidents_are_none(domain: Domain) -> None:
    await make_incident(domain, initial_message="One")
    assert await domain.reads.update_pages([], PageRequest(), Audience.MANAGER) == {}


async def test_timelines_links_and_histories_take_one_statement_however_many_incidents(
    domain: Domain, count_statements: CountStatements
) -> None:
    await make_system(domain)
    ids = [(await make_incident(domain, "payments", initial_message="Hello")).id for _ in range(8)]
    for some in (ids[:1], ids):
        with count_statements() as statements:
            await domain.reads.update_pages(some, PageRequest(), Audience.PUBLIC)
            await domain.reads.update_counts(some, Audience.PUBLIC)
            await domain.reads.link_pages(some, PageRequest(), Audience.PUBLIC)
            await domain.reads.link_counts(some, Audience.PUBLIC)
            await domain.reads.histories(some, PageRequest())
            await domain.reads.history_counts(some)
        assert len(statements) == 6


@on_one_database
async def test_of_many_ids_those_that_exist_are_found(domain: Domain) -> None:
    first, unknown = await make_incident(domain), new_id("inc")
    second = await make_incident(domain, "payments")
    assert await domain.reads.existing_incident_ids([second.id, unknown, first.id]) == [second.id, first.id]


async def test_of_no_ids_none_exist_and_no_statement_is_needed(
    domain: Domain, count_statements: CountStatements
) -> None:
    with count_statements() as statements:
        assert await domain.reads.existing_incident_ids([]) == []
    assert statements == []


@on_one_database
async def test_of_unknown_ids_none_exist(domain: Domain) -> None:
    await make_incident(domain)
    assert await domain.reads.existing_incident_ids([new_id("inc"), "", "nonsense"]) == []


@on_one_database
async def test_an_id_that_is_repeated_is_found_once(domain: Domain) -> None:
    incident = await make_incident(domain)
    assert await domain.reads.existing_incident_ids([incident.id] * 3) == [incident.id]


@on_one_database
async def test_a_resolved_incident_exists(domain: Domain) -> None:
    incident = await set_status(domain, await make_incident(domain), Status.RESOLVED)
    assert await domain.reads.existing_incident_ids([incident.id]) == [incident.id]


async def test_a_large_batch_of_ids_takes_one_statement(domain: Domain, count_statements: CountStatements) -> None:
    incident = await make_incident(domain)
    ids = [incident.id, *(new_id("inc") for _ in range(2_000))]
    with count_statements() as statements:
        assert await domain.reads.existing_incident_ids(ids) == [incident.id]
    assert len(statements) == 1


@on_one_database
async def test_incidents_are_found_by_their_number(domain: Domain) -> None:
    incident = await make_incident(domain)
    assert await domain.reads.incident_ids_by_number([incident.number, 99]) == {incident.number: incident.id}


@on_one_database
async def test_changes_are_found_by_their_ids(domain: Domain) -> None:
    await make_incident(domain)
    change = (await domain.events.raw(0, limit=1))[0]
    assert await domain.reads.changes([change.id, new_id("chg")]) == {change.id: change}


@on_one_database
async def test_an_open_filter_hides_resolved_incidents(domain: Domain) -> None:
    first, second = await make_incident(domain), await make_incident(domain, "payments")
    await set_status(domain, first, Status.RESOLVED)
    page = await domain.reads.incident_page(ONLY_OPEN, NEWEST, PageRequest(), Audience.PUBLIC)
    assert [incident.id for incident in page.items] == [second.id]
    assert await domain.reads.incident_count(ONLY_OPEN, Audience.PUBLIC) == 1


@on_one_database
async def test_the_worst_override_counts_however_many_there_are(domain: Domain) -> None:
    system = await make_system(domain)
    for _ in range(101):
        await make_incident(domain, system.id, health_override=HealthOverride.DEGRADED)
    await make_incident(domain, system.id, health_override=HealthOverride.UNHEALTHY)

    said = (await domain.reads.active_overrides([system.id]))[system.id]
    assert len(said) == 100
    assert HealthOverride.UNHEALTHY in {override.status for override in said}
