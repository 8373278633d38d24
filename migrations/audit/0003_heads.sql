-- Signed heads (src/audit/heads.rs): up to where each journal's chains were signed, and over what. Insert-only.
-- The writing role needs INSERT and SELECT.
CREATE TABLE audit.heads (
    journal  uuid        NOT NULL,
    -- From 1, without a gap within a journal.
    n        bigint      NOT NULL CHECK (n > 0),
    -- Leaves of the whole tree.
    size     bigint      NOT NULL CHECK (size >= 0),
    root     bytea       NOT NULL CHECK (octet_length(root) = 32),
    -- The roots of the tree's perfect parts, the largest first, in hex.
    frontier jsonb       NOT NULL,
    -- What this head added: [{"call", "ordinal", "count", "last"}, …].
    leaves   jsonb       NOT NULL,
    -- As the note says.
    at       timestamptz NOT NULL,
    key_id   bytea       NOT NULL CHECK (octet_length(key_id) = 4),
    -- The signed note, whole.
    note     text        NOT NULL,
    PRIMARY KEY (journal, n)
);

CREATE TRIGGER insert_only BEFORE UPDATE OR DELETE OR TRUNCATE ON audit.heads
    FOR EACH STATEMENT EXECUTE FUNCTION audit.refuse_change();
