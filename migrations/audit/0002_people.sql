-- Months as partitions, so that the oldest can be given up whole; personal values under per-person keys, which can be
-- deleted; roles that can do no more than they must.
--
-- Two roles are made where the migrating role may make roles, and given to nobody. A shop's own login gets one of them:
--     GRANT audit_writer TO orderline;   -- the server: adds, and reads what it added
--     GRANT audit_reader TO auditor;     -- audit verify, show, export
-- Migrations, erasures and retention are for the role that owns the tables. Let the server's role own nothing: an owner
-- can switch triggers off.

-- Made again by 0004.
DROP VIEW audit.operator_queue;

ALTER TABLE audit.calls RENAME TO calls_0001;
ALTER TABLE audit.entries RENAME TO entries_0001;

CREATE TABLE audit.calls (LIKE audit.calls_0001 INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    PARTITION BY RANGE (started_at);

CREATE TABLE audit.entries (LIKE audit.entries_0001 INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
    PARTITION BY RANGE (at);

ALTER TABLE audit.entries DROP CONSTRAINT entries_kind_check;
ALTER TABLE audit.entries ADD CONSTRAINT entries_kind_check CHECK (kind IN (
    'call_opened', 'intent', 'attempt', 'outcome', 'read', 'confirmation', 'reconciled', 'needs_operator', 'consent',
    'resolved', 'erasure', 'retention', 'call_closed'));

-- Makes the partitions of this month (in UTC), of so many months ahead, and of the months that the given instants fall
-- into: a record goes in whatever its clock said. Returns how many were made. The server's role may call it and owns
-- nothing of what it makes. A table is made first and attached then, which readers of the parent need not wait for.
CREATE FUNCTION audit.make_partitions(ahead integer, also timestamptz[] DEFAULT '{}') RETURNS integer
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    month  timestamp;
    parent text;
    child  text;
    made   integer := 0;
BEGIN
    IF ahead NOT BETWEEN 0 AND 24 THEN
        RAISE EXCEPTION 'expected 0 to 24 months ahead, found %', ahead USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Two servers at once.
    PERFORM pg_advisory_xact_lock(4993441, 1);
    FOR month IN
        SELECT date_trunc('month', now() AT TIME ZONE 'UTC') + make_interval(months => n) FROM generate_series(0, ahead) n
         UNION
        SELECT date_trunc('month', instant AT TIME ZONE 'UTC') FROM unnest(also) instant
         ORDER BY 1
    LOOP
        FOREACH parent IN ARRAY ARRAY['calls', 'entries'] LOOP
            child := parent || to_char(month, '_YYYY_MM');
            CONTINUE WHEN EXISTS (
                SELECT FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
                 WHERE n.nspname = 'audit' AND c.relname = child);
            EXECUTE format('CREATE TABLE audit.%I (LIKE audit.%I INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, parent);
            EXECUTE format('ALTER TABLE audit.%I ATTACH PARTITION audit.%I FOR VALUES FROM (%L) TO (%L)', parent, child,
                           to_char(month, 'YYYY-MM-DD') || ' 00:00:00+00',
                           to_char(month + interval '1 month', 'YYYY-MM-DD') || ' 00:00:00+00');
            -- A statement's trigger on the parent does not guard the partition under its own name.
            EXECUTE format('CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.%I
                                FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change()', child);
            made := made + 1;
        END LOOP;
    END LOOP;
    RETURN made;
END
$$;
REVOKE ALL ON FUNCTION audit.make_partitions(integer, timestamptz[]) FROM PUBLIC;

SELECT audit.make_partitions(2, ARRAY(
    SELECT DISTINCT date_trunc('month', moment, 'UTC')
      FROM (SELECT at FROM audit.entries_0001 UNION ALL SELECT started_at FROM audit.calls_0001) AS all_moments (moment)));

INSERT INTO audit.calls SELECT * FROM audit.calls_0001;
INSERT INTO audit.entries SELECT * FROM audit.entries_0001;
DROP TABLE audit.calls_0001, audit.entries_0001;

-- A key of a partitioned table must hold what it is partitioned by. That no two records share one place in a call, no
-- two rows one call, and no two calls one ordinal, is looked up by the transaction that inserts.
ALTER TABLE audit.calls ADD PRIMARY KEY (call_id, started_at);
ALTER TABLE audit.entries ADD PRIMARY KEY (call_id, seq, at);
CREATE INDEX calls_ordinal ON audit.calls (journal, ordinal);
CREATE INDEX entries_idem_key ON audit.entries (idem_key) WHERE idem_key IS NOT NULL;
CREATE INDEX entries_order_id ON audit.entries (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX entries_at ON audit.entries (at);
-- The calls of a person who is to be erased.
CREATE INDEX entries_subject ON audit.entries ((body ->> 'subject')) WHERE kind = 'call_opened';
-- What verify and the operator's queue begin with.
CREATE INDEX entries_rare_kind ON audit.entries (kind) WHERE kind IN ('needs_operator', 'resolved', 'erasure', 'retention');

CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.calls
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

-- Personal values, sealed under their person's key. Deleted by an erasure, and with their month.
CREATE TABLE audit.pii (
    call_id    uuid        NOT NULL,
    seq        integer     NOT NULL,
    -- The entry's.
    at         timestamptz NOT NULL,
    -- A random name: what ties it to a telephone number stands in the server's file of keys alone.
    subject_id uuid        NOT NULL,
    -- Nonce, salt and value under AES-256-GCM.
    box        bytea       NOT NULL,
    PRIMARY KEY (call_id, seq)
);
CREATE INDEX pii_subject ON audit.pii (subject_id);
CREATE INDEX pii_at ON audit.pii (at);

-- The persons' keys, each wrapped under the key of its node, which is never here.
CREATE TABLE audit.subject_keys (
    subject_id  uuid        PRIMARY KEY,
    wrapped_key bytea       NOT NULL CHECK (octet_length(wrapped_key) = 60),
    created_at  timestamptz NOT NULL
);

-- They may go, but not change.
CREATE TRIGGER no_change BEFORE UPDATE ON audit.pii
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER no_change BEFORE UPDATE ON audit.subject_keys
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();

DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['audit_writer', 'audit_reader'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', name);
            EXCEPTION
                WHEN insufficient_privilege THEN
                    RAISE NOTICE 'the role % may not make the role %: an administrator makes it and grants as 0002_people.sql says',
                        current_user, name;
                    CONTINUE;
                -- Another database of this cluster is being migrated, too.
                WHEN duplicate_object OR unique_violation THEN NULL;
            END;
        END IF;
        EXECUTE format('GRANT USAGE ON SCHEMA audit TO %I', name);
        EXECUTE format('GRANT SELECT ON audit.calls, audit.entries, audit.conflicts, audit.drained, audit.pii,
                            audit.subject_keys, audit.migrations TO %I', name);
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'audit_writer') THEN
        GRANT INSERT ON audit.calls, audit.entries, audit.conflicts, audit.pii, audit.subject_keys, audit.drained
            TO audit_writer;
        GRANT UPDATE ON audit.drained TO audit_writer;
        GRANT EXECUTE ON FUNCTION audit.make_partitions(integer, timestamptz[]) TO audit_writer;
    END IF;
END
$$;
