"""Logs that go on at another server: a standby that was promoted may lack what the one before it had committed.

It would give the same places again, to other changes, and readers that were further would miss those with no sign. Each
promotion begins a timeline of PostgreSQL's own, whose number is kept beside the log: where it has changed, the log goes
on at a place that no server has given out, as after a restored backup.
"""

from domain.persistence.places import PLACES_PER_MILLISECOND

#: The state that holds the timeline on which the log was written last.
TIMELINE = "postgresql_timeline"
_LOG_LOCK = 0x1C1DE27
#: One message, which also a pooler sends to one server. Servers that know no timelines, and roles that must not ask for
#: it, are left alone.
GO_ON = f"""
DO $$ DECLARE present text; known text; place bigint; BEGIN
    IF pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on'
        OR to_regclass('server_state') IS NULL OR to_regclass('changes') IS NULL THEN
        RETURN;
    END IF;
    present := left(pg_walfile_name(pg_current_wal_insert_lsn()), 8);
    SELECT value INTO known FROM server_state WHERE name = '{TIMELINE}';
    IF known = present THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock({_LOG_LOCK});
    SELECT value INTO known FROM server_state WHERE name = '{TIMELINE}';
    IF known <> present THEN
        EXECUTE format('SELECT last_value FROM %s', pg_get_serial_sequence('changes', 'seq')) INTO place;
        SELECT greatest(place, coalesce(max(seq), 0)) INTO place FROM changes;
        PERFORM setval(pg_get_serial_sequence('changes', 'seq'), {PLACES_PER_MILLISECOND} * greatest(
            (extract(epoch FROM clock_timestamp()) * 1000)::bigint, place / {PLACES_PER_MILLISECOND} + 1
        ));
    END IF;
    INSERT INTO server_state (name, value) VALUES ('{TIMELINE}', present)
        ON CONFLICT (name) DO UPDATE SET value = excluded.value;
EXCEPTION WHEN feature_not_supported OR undefined_function OR insufficient_privilege THEN
    RETURN;
END $$
"""  # noqa: S608 - of constants
