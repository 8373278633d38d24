-- The audit as PostgreSQL keeps it: a copy of the journal's public part, insert-only.
-- The writing role needs no more than: USAGE on the schema; INSERT and SELECT on calls, entries and conflicts;
-- INSERT, SELECT and UPDATE on drained. Let it own nothing: an owner can switch triggers off.

CREATE SCHEMA IF NOT EXISTS audit;

-- One row for each call: what its h0 is made of.
CREATE TABLE audit.calls (
    call_id       uuid        PRIMARY KEY,
    -- The journal folder's own id: a node that begins a new folder begins a new count.
    journal       uuid        NOT NULL,
    node          text        NOT NULL,
    -- From 1, without a gap within a journal.
    ordinal       bigint      NOT NULL CHECK (ordinal > 0),
    -- +375***4567
    caller_masked text,
    started_at    timestamptz NOT NULL,
    genesis       bytea       NOT NULL CHECK (octet_length(genesis) = 32),
    UNIQUE (journal, ordinal)
);

CREATE TABLE audit.entries (
    call_id      uuid        NOT NULL,
    seq          integer     NOT NULL CHECK (seq >= 0),
    -- By the process's clock, informative: the order is by seq.
    at           timestamptz NOT NULL,
    kind         text        NOT NULL CHECK (kind IN (
        'call_opened', 'intent', 'attempt', 'outcome', 'read', 'confirmation', 'reconciled', 'needs_operator',
        'call_closed')),
    action       text,
    -- Ties attempts and outcomes to their intent.
    request      bigint,
    order_id     uuid,
    order_number text,
    idem_key     uuid,
    http_status  integer,
    problem      text,
    -- The public part.
    body         jsonb       NOT NULL,
    -- Milliseconds since the call was accepted, by the monotonic clock.
    offset_ms    bigint      NOT NULL,
    -- HMAC-SHA256 under a salt that stands in the journal only.
    pii_commit   bytea       CHECK (octet_length(pii_commit) = 32),
    prev         bytea       NOT NULL CHECK (octet_length(prev) = 32),
    hash         bytea       NOT NULL CHECK (octet_length(hash) = 32),
    PRIMARY KEY (call_id, seq)
);

CREATE INDEX entries_idem_key ON audit.entries (idem_key) WHERE idem_key IS NOT NULL;
CREATE INDEX entries_order_id ON audit.entries (order_id) WHERE order_id IS NOT NULL;
CREATE INDEX entries_at ON audit.entries (at);

-- Records of the journal whose place another record held already: an alarm, kept for whoever looks into it.
CREATE TABLE audit.conflicts (
    journal  uuid        NOT NULL,
    call_id  uuid        NOT NULL,
    seq      integer     NOT NULL,
    hash     bytea       NOT NULL,
    record   jsonb       NOT NULL,
    found_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (call_id, seq, hash)
);

-- How far each journal has been copied. Moved in the transaction that copies, so a database that is set back to a
-- backup is filled again from there.
CREATE TABLE audit.drained (
    journal     uuid        PRIMARY KEY,
    node        text        NOT NULL,
    segment     bigint      NOT NULL,
    byte_offset bigint      NOT NULL,
    updated_at  timestamptz NOT NULL DEFAULT now()
);

-- Intents that only a person can resolve.
CREATE VIEW audit.operator_queue AS
    SELECT e.call_id, e.seq, e.at, e.action, e.order_id, e.idem_key, e.body ->> 'why' AS why
      FROM audit.entries e
     WHERE e.kind = 'needs_operator'
       AND NOT EXISTS (
           SELECT 1 FROM audit.entries later
            WHERE later.call_id = e.call_id AND later.request = e.request AND later.seq > e.seq
              AND later.kind IN ('reconciled', 'outcome'));

CREATE FUNCTION audit.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'audit.% is insert-only: % refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END
$$;

CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.calls
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.entries
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.conflicts
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
