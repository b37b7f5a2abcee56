"""The audit log: every change of tokens, secrets and settings is in it, with who made it, and nothing secret."""

from dataclasses import replace
from typing import Any

import orjson
import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from domain.bootstrap import Domain, running_domain
from domain.model.audit import AuditAction, AuditEntry, AuditFilter, AuditKind
from domain.model.paging import PageRequest
from domain.model.viewer import Role
from domain.persistence.audit_tables import audit_entries
from domain.persistence.unit_of_work import ReadSession
from domain.services.upkeep import Upkeep
from domain.settings import Settings, shown_settings
from tests.client import Api, Json
from tests.conftest import SteppingClock
from tests.factories import ADMIN, make_secret, make_token
from tests.gql.dialects import on_both_databases
from tests.gql.mutations.table import IN_A_FRESH_WORLD, MUTATIONS, make_world
from tests.inside import inside

_CREATED, _UPDATED, _ROTATED, _DELETED = (
    AuditAction.CREATED,
    AuditAction.UPDATED,
    AuditAction.ROTATED,
    AuditAction.DELETED,
)
AUDITED: dict[str, tuple[AuditKind, AuditAction]] = {
    "createToken": (AuditKind.TOKEN, _CREATED),
    "revokeToken": (AuditKind.TOKEN, AuditAction.REVOKED),
    "createSecret": (AuditKind.SECRET, _CREATED),
    "updateSecret": (AuditKind.SECRET, _UPDATED),
    "deleteSecret": (AuditKind.SECRET, _DELETED),
    "createChannel": (AuditKind.CHANNEL, _CREATED),
    "updateChannel": (AuditKind.CHANNEL, _UPDATED),
    "deleteChannel": (AuditKind.CHANNEL, _DELETED),
    "createIntegration": (AuditKind.INTEGRATION, _CREATED),
    "updateIntegration": (AuditKind.INTEGRATION, _UPDATED),
    "rotateIntegrationToken": (AuditKind.INTEGRATION, _ROTATED),
    "deleteIntegration": (AuditKind.INTEGRATION, _DELETED),
    "createWebhook": (AuditKind.WEBHOOK, _CREATED),
    "updateWebhook": (AuditKind.WEBHOOK, _UPDATED),
    "rotateWebhookSecret": (AuditKind.WEBHOOK, _ROTATED),
    "deleteWebhook": (AuditKind.WEBHOOK, _DELETED),
    "createAutomation": (AuditKind.AUTOMATION, _CREATED),
    "installAutomation": (AuditKind.AUTOMATION, _CREATED),
    "updateAutomation": (AuditKind.AUTOMATION, _UPDATED),
    "setAutomationEnabled": (AuditKind.AUTOMATION, _UPDATED),
    "deleteAutomation": (AuditKind.AUTOMATION, _DELETED),
    "deleteVisitorSubscription": (AuditKind.VISITOR_SUBSCRIPTION, _DELETED),
    "forgetPerson": (AuditKind.PERSON, AuditAction.FORGOTTEN),
}
#: What they do is in the event log, or sends something and changes nothing.
ELSEWHERE = {
    *("acknowledgeIncident", "addIncidentLink", "addIncidentUpdate", "assignIncident", "createIncident"),
    *("deleteIncident", "deleteIncidents", "deleteIncidentUpdate", "editIncidentUpdate", "mergeIncident"),
    *("relateIncidents", "removeIncidentLink", "resolveIncident", "resolveIncidents", "setIncidentLabels"),
    *("snoozeIncident", "unrelateIncidents", "updateIncident", "updateIncidentLink"),
    *("createSystem", "updateSystem", "deleteSystem", "reportSystemHealth"),
    *("addMaintenanceUpdate", "cancelMaintenance", "cancelMaintenanceInstance", "changeMaintenanceInstance"),
    *("endMaintenance", "scheduleMaintenance", "updateMaintenance"),
    *("runAutomation", "cancelAutomationRun"),
    *("redeliver", "redeliverWebhook", "replayDelivery", "testChannel", "testWebhook"),
}
_LOG = """query Log($filter: AuditLogFilter, $first: Int, $after: String) {
  auditLog(filter: $filter, first: $first, after: $after) {
    totalCount
    pageInfo { endCursor hasNextPage }
    nodes {
      id occurredAt actor { type id name } tokenId kind action objectId objectName
      changes { field before after isShown }
    }
  }
}"""


async def entries(domain: Domain, **wanted: Any) -> list[AuditEntry]:
    """Return the newest entries, newest first."""
    return list((await domain.audit.page(PageRequest(size=100), AuditFilter(**wanted))).items)


def test_every_mutation_is_audited_or_known_to_be_elsewhere() -> None:
    assert AUDITED.keys() | ELSEWHERE == MUTATIONS.keys()
    assert not AUDITED.keys() & ELSEWHERE


@on_both_databases
async def test_each_change_writes_one_entry_with_who_made_it_and_nothing_else_does(api: Api, domain: Domain) -> None:
    world = await make_world(domain)
    admin = (await api.admin.read("{ viewer { actor { id name } } }"))["viewer"]["actor"]
    secrets: set[str] = set()
    for name, row in MUTATIONS.items():
        for label, effect in row.effects.items():
            if (name, label) in IN_A_FRESH_WORLD:
                world = await make_world(domain)
            before = {entry.id for entry in await entries(domain)}
            input = effect.input(world)
            payload = await api.admin.do(name, input, _with_secrets(name, row.selection))
            assert payload["userErrors"] == [], (name, label)
            new = [entry for entry in await entries(domain) if entry.id not in before]
            found = [(entry.kind, entry.action, entry.actor.id, entry.actor.name, entry.token_id) for entry in new]
            expected = [(*AUDITED[name], admin["id"], admin["name"], admin["id"])] if name in AUDITED else []
            assert found == expected, (name, label)
            secrets |= _secrets_of(name, input, payload)
    assert len(secrets) > 5
    stored = orjson.dumps(await _stored(domain)).decode()
    assert [secret for secret in secrets if secret in stored] == []


@pytest.mark.parametrize("name", sorted(AUDITED))
async def test_what_is_refused_or_changes_nothing_writes_no_entry(api: Api, domain: Domain, name: str) -> None:
    world, row = await make_world(domain), MUTATIONS[name]
    before = len(await entries(domain))
    calls = [row.refused, *([row.no_op] if row.no_op is not None else [])]
    for call in calls:
        await api.admin.do(name, call(world), row.selection)
    assert len(await entries(domain)) == before


def _with_secrets(name: str, selection: str) -> str:
    shown = {"createToken": "secret", "createIntegration": "token", "rotateIntegrationToken": "token"}
    shown |= {"createWebhook": "secret", "rotateWebhookSecret": "secret"}
    return f"{selection} {shown.get(name, '')}"


def _secrets_of(name: str, input: Json, payload: Json) -> set[str]:
    found = {payload[key] for key in ("secret", "token") if isinstance(payload.get(key), str)}
    if name in AUDITED:
        found |= {str(input[key]) for key in ("value", "url") if input.get(key)}
    return found


async def _stored(domain: Domain) -> list[Any]:
    async def read(session: ReadSession) -> list[Any]:
        rows = (await session.connection.execute(sa.select(audit_entries))).mappings()
        return [{str(key): str(value) for key, value in row.items()} for row in rows]

    return await inside(domain).database.read(read)


async def test_admins_read_the_log_page_by_page_and_by_filter(api: Api, domain: Domain, clock: SteppingClock) -> None:
    tokens = [(await make_token(domain, name=f"monitor-{number}"))[0] for number in range(3)]
    await domain.tokens.revoke(ADMIN, tokens[0].id)
    secret = await make_secret(domain)

    pages, after = [], None
    while True:
        page = (await api.admin.read(_LOG, first=2, after=after))["auditLog"]
        pages += [(node["kind"], node["action"], node["objectName"]) for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert page["totalCount"] == 5
    assert pages == [
        ("SECRET", "CREATED", secret.name),
        ("TOKEN", "REVOKED", "monitor-0"),
        *(("TOKEN", "CREATED", f"monitor-{number}") for number in (2, 1, 0)),
    ]

    async def found(**filter: Any) -> list[str]:
        nodes = (await api.admin.read(_LOG, filter=filter))["auditLog"]["nodes"]
        return [node["objectId"] for node in nodes]

    assert await found(kinds=["SECRET"]) == [secret.id]
    assert await found(objectId=tokens[0].id) == [tokens[0].id] * 2
    assert await found(actor="nobody") == []
    assert len(await found(actor=ADMIN.actor.id)) == 5
    later = (await entries(domain, object_id=tokens[0].id))[0].occurred_at
    assert await found(since=later.isoformat(), kinds=["TOKEN"]) == [tokens[0].id]
    assert await found(until=later.isoformat()) == [token.id for token in reversed(tokens)]
    error = await api.admin.error(_LOG, filter={"kinds": []})
    assert (error["code"], error["field"]) == ("BAD_USER_INPUT", ["filter", "kinds"])


async def test_a_change_shows_values_before_and_after_but_no_secret(api: Api, domain: Domain) -> None:
    token, _ = await make_token(domain, role=Role.RESPONDER)
    await domain.tokens.revoke(ADMIN, token.id)
    secret = await make_secret(domain)
    await domain.secrets.replace(ADMIN, secret.id, value="a-new-value-of-it")
    nodes = (await api.admin.read(_LOG))["auditLog"]["nodes"]
    assert [(change["field"], change["isShown"]) for change in nodes[0]["changes"]] == [("value", False)]
    assert nodes[1]["changes"] == [{"field": "name", "before": None, "after": secret.name, "isShown": True}]
    [revoked] = nodes[2]["changes"]
    assert (revoked["field"], revoked["before"]) == ("revokedAt", None)
    assert {change["field"]: change["after"] for change in nodes[3]["changes"]} == {
        "name": "monitor",
        "role": "responder",
    }


async def test_nobody_but_admins_reads_the_log(api: Api) -> None:
    for caller, code in ((api.anonymous, "UNAUTHENTICATED"), (api.viewer, "FORBIDDEN"), (api.responder, "FORBIDDEN")):
        answer = await caller.send(_LOG)
        assert answer["data"] == {"auditLog": None}
        assert [error["extensions"]["code"] for error in answer["errors"]] == [code]


@on_both_databases
async def test_an_entry_is_written_with_its_change_or_not_at_all(
    domain: Domain, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise OSError

    monkeypatch.setattr("domain.persistence.audit.AuditRepository.add", fail)
    with pytest.raises(Exception, match="not available"):
        await make_secret(domain)
    assert await domain.secrets.known(["API_KEY"]) == set()


@on_both_databases
async def test_a_start_writes_what_it_changes_of_the_settings_and_no_secret(settings: Settings) -> None:
    first = replace(settings, max_depth=15, admin_token="a-secret-admin-token", broadcast_url="memory://")
    for each in (first, first):
        async with running_domain(each) as domain:
            assert await entries(domain, kinds=(AuditKind.SETTING,)) == []
    second = replace(first, max_depth=9, secret_key=Fernet.generate_key().decode(), public_name="Acme", port=9999)
    for each in (second, second):
        async with running_domain(each) as domain:
            found = await entries(domain, kinds=(AuditKind.SETTING,))
    changed = {entry.object_id: (entry.changes[0].before, entry.changes[0].after) for entry in found}
    assert changed == {"MAX_DEPTH": (15, 9), "PUBLIC_NAME": ("IncidentQL", "Acme")}
    assert {(entry.actor.id, entry.token_id) for entry in found} == {("system", None)}


def test_no_setting_that_may_hold_a_secret_is_noted() -> None:
    shown = shown_settings(Settings()).keys()
    words = ("token", "secret", "password", "key", "database_url", "mail_url", "broadcast_url", "read_url")
    suspects = {name for name in shown if any(word in name for word in words)}
    # Numbers, and the name of a role.
    assert suspects == {"max_tokens", "max_subscriptions_per_token"}


@on_both_databases
async def test_old_entries_are_pruned(domain: Domain, clock: SteppingClock) -> None:
    upkeep = Upkeep(database=inside(domain).database, clock=clock, event_retention_days=0, audit_retention_days=365)
    old = await make_secret(domain, name="OLD")
    clock.advance(days=364)
    young = await make_secret(domain, name="YOUNG")
    await upkeep.run_once()
    # The settings of tests before this one may be others.
    secrets = (AuditKind.SECRET,)
    assert [entry.object_id for entry in await entries(domain, kinds=secrets)] == [young.id, old.id]
    clock.advance(days=2)
    await upkeep.run_once()
    assert [entry.object_id for entry in await entries(domain, kinds=secrets)] == [young.id]


@on_both_databases
async def test_who_was_forgotten_is_not_named_any_more(domain: Domain) -> None:
    token, _ = await make_token(domain, name="Kassandra's monitor")
    viewer = replace(ADMIN, actor=replace(ADMIN.actor, id=token.id, name=token.name), token_id=token.id)
    await domain.secrets.create(viewer, name="HERS", value="a-value-of-hers")
    await domain.forgetting.forget(ADMIN, token.id)
    await inside(domain).forgetting.work.run_pending()
    stored = orjson.dumps(await _stored(domain)).decode()
    assert token.id not in stored
    assert "Kassandra" not in stored
    assert "HERS" in stored
