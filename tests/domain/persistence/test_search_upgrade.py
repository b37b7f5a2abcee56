"""The upgrade of a database whose search knew fewer words."""

from datetime import UTC, datetime

import sqlalchemy as sa
from alembic import command

from domain.bootstrap import Domain, running_domain
from domain.model.commands import EditIncidentUpdate, UpdateIncident
from domain.model.filters import Field, Operator, Term
from domain.model.paging import Order, PageRequest
from domain.model.viewer import Audience, Visibility
from domain.persistence.engines import create_engines, database_url
from domain.persistence.migrate import MIGRATIONS
from domain.persistence.upgrading import config_of
from domain.settings import Settings
from tests.conftest import SECRET_KEY
from tests.factories import ADMIN
from tests.inside import inside

FORMER = "0007"
#: More entries than are read at once.
MANY = 600
INCIDENT = """INSERT INTO incidents (id, number, title, description, status, severity, suppress_notifications,
    dedupe_key, version, opened_by_type, opened_by_id, occurred_at, created_at, updated_at)
    VALUES (:id, :number, :title, :description, 'investigating', 1, false, '', 1, 'system', 'system', :at, :at, :at)"""
UPDATE = """INSERT INTO incident_updates (id, incident_id, message, visibility, created_at, created_by_type,
    created_by_id) VALUES (:id, :incident_id, :message, :visibility, :at, 'system', 'system')"""
ENTRY = "INSERT INTO search_entries (entry_id, incident_id, visibility, body) VALUES (:id, :of, :visibility, :body)"
AT = datetime(2026, 1, 1, tzinfo=UTC)


async def _former_database(url: str) -> None:
    """Create a database of the former schema, with the words that were stored then."""

    def upgrade(connection: sa.Connection) -> None:
        config = config_of(MIGRATIONS)
        config.attributes["connection"] = connection
        command.upgrade(config, FORMER)
        connection.execute(sa.text("INSERT INTO server_state (name, value) VALUES ('cursor_key', '00')"))

    engines = create_engines(database_url(url))
    async with engines.writer.begin() as connection:
        await connection.run_sync(upgrade)
        at = sa.bindparam("at", type_=sa.DateTime(timezone=True))
        headers: list[tuple[str, str, str | None, str]] = [("inc_0", "Café", "प्रश्न हिन्दी", "inc 1 café प रश न ह न द")]
        headers += [("inc_1", "本番障害", None, "inc 2 本番障害")]
        headers += [(f"inc_{number}", f"Filler {number}", None, "filler") for number in range(2, MANY)]
        rows = [
            {"id": identifier, "number": number, "title": title, "description": description}
            for number, (identifier, title, description, _) in enumerate(headers, start=1)
        ]
        await connection.execute(sa.text(INCIDENT).bindparams(at), [row | {"at": AT} for row in rows])
        updates = [
            {"id": "upd_0", "incident_id": "inc_1", "message": "🔥 İstanbul", "visibility": "public"},
            {"id": "upd_1", "incident_id": "inc_1", "message": "Łódź 秘密", "visibility": "internal"},
        ]
        await connection.execute(sa.text(UPDATE).bindparams(at), [row | {"at": AT} for row in updates])
        entries = [{"id": name, "of": name, "visibility": "public", "body": body} for name, _, _, body in headers]
        entries += [{"id": row["id"], "of": "inc_1", "visibility": row["visibility"], "body": "x"} for row in updates]
        await connection.execute(sa.text(ENTRY), entries)
    await engines.dispose()


async def _found(domain: Domain, text: str, audience: Audience = Audience.MANAGER) -> list[str]:
    tree = Term(Field.TEXT, Operator.EQ, text)
    page = await domain.reads.incident_page(tree, Order(field="created_at"), PageRequest(size=3), audience)
    return sorted(incident.id for incident in page.items)


async def test_older_texts_are_found_by_the_new_words(empty_database_url: str) -> None:
    await _former_database(empty_database_url)
    settings = Settings(database_url=empty_database_url, automations=False, secret_key=SECRET_KEY)
    async with running_domain(settings) as domain:
        for text in ("cafe", "CAFÉ", "inc-1 हिन्दी", "प्रश्न"):
            assert await _found(domain, text) == ["inc_0"]
        for text in ("障", "番障", "🔥", "istanbul", "lodz 秘 🔥"):
            assert await _found(domain, text) == ["inc_1"]
        assert await _found(domain, f"inc-{MANY}") == [f"inc_{MANY - 1}"]
        assert await _found(domain, "न") == []
        assert await _found(domain, "lodz", Audience.PUBLIC) == []


async def test_a_text_changed_after_the_upgrade_is_found_by_its_new_words_only(empty_database_url: str) -> None:
    await _former_database(empty_database_url)
    settings = Settings(database_url=empty_database_url, automations=False, secret_key=SECRET_KEY)
    async with running_domain(settings) as domain:
        await domain.incidents.update(ADMIN, UpdateIncident(id="inc_0", title="Naïve"))
        edit = EditIncidentUpdate(id="upd_0", incident_id="inc_1", message="Gone", visibility=Visibility.INTERNAL)
        await domain.timeline.edit(ADMIN, edit)
        await domain.timeline.delete(ADMIN, update_id="upd_1", incident_id="inc_1")
        found = {text: await _found(domain, text) for text in ("naive", "cafe", "gone", "istanbul", "秘")}
        assert found == {"naive": ["inc_0"], "cafe": [], "gone": ["inc_1"], "istanbul": [], "秘": []}
        await domain.incidents.delete(ADMIN, "inc_1")
        assert await _found(domain, "障") == []
        if inside(domain).database.is_sqlite:
            async with inside(domain).database._engines.writer.begin() as connection:
                # Fails where the index and the entries differ.
                await connection.execute(sa.text("INSERT INTO search_words(search_words) VALUES ('integrity-check')"))
