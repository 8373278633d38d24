-- The operator's queue once more: a row for each idempotency key, until a person has resolved it (src/audit/queue.rs).
DROP VIEW IF EXISTS audit.operator_queue;
CREATE VIEW audit.operator_queue AS
    SELECT DISTINCT ON (coalesce(e.idem_key::text, e.call_id || '/' || e.request))
           e.call_id, e.request, e.seq, e.at, e.action, e.order_id, e.idem_key, e.body ->> 'why' AS why
      FROM audit.entries e
     WHERE e.kind = 'needs_operator'
       AND NOT EXISTS (
           SELECT 1 FROM audit.entries r
            WHERE r.kind = 'resolved'
              AND (r.idem_key = e.idem_key
                   OR (r.idem_key IS NULL AND e.idem_key IS NULL AND r.body ->> 'of_call' = e.call_id::text
                       AND (r.body ->> 'of_request')::bigint = e.request)))
     ORDER BY coalesce(e.idem_key::text, e.call_id || '/' || e.request), e.at;

-- The roles of 0002, where they are.
DO $$
DECLARE
    name text;
BEGIN
    FOREACH name IN ARRAY ARRAY['audit_writer', 'audit_reader'] LOOP
        IF EXISTS (SELECT FROM pg_roles WHERE rolname = name) THEN
            EXECUTE format('GRANT SELECT ON audit.operator_queue TO %I', name);
        END IF;
    END LOOP;
END
$$;
