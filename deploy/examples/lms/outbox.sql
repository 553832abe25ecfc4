-- An outbox in the LMS's database: whatever changes of the directory's records is a row of it, in the same transaction,
-- and Debezium writes that row to the topic of its kind (connector.properties, docs/directory.md).
--
-- Queries say what a record is, triggers on the tables write rows. The tables are those that Django makes of BreatheCode's
-- models: change names to yours. Run it as the owner of these tables, again after each change of it; whoever writes the
-- tables needs no rights here. Nothing here depends on a column, so migrations of the LMS go on as they were.

BEGIN;
-- The tables are locked until COMMIT: better run it once more than let the LMS wait behind a long transaction.
SET LOCAL lock_timeout = '5s';
-- Where the tables are. Functions keep it, whatever search_path a session has.
SET LOCAL search_path = public, pg_temp;

CREATE TABLE IF NOT EXISTS telemetry_outbox (
    id bigserial PRIMARY KEY,
    aggregatetype text NOT NULL CHECK (aggregatetype IN ('academies', 'users', 'assets', 'tasks')),
    aggregateid text NOT NULL,
    -- NULL is a record that is gone.
    payload text,
    created_at timestamptz NOT NULL DEFAULT now()
);
-- The directory takes nothing that is larger than 1 MiB, and it would end the connector.
ALTER TABLE telemetry_outbox DROP CONSTRAINT IF EXISTS telemetry_outbox_size;
ALTER TABLE telemetry_outbox ADD CONSTRAINT telemetry_outbox_size CHECK (octet_length(payload) <= 1048576) NOT VALID;

-- Changes that could not be told, and why: the LMS's write counts for more. `CALL telemetry_tell_all()` tells them.
CREATE TABLE IF NOT EXISTS telemetry_untold (
    id bigserial PRIMARY KEY,
    aggregatetype text NOT NULL,
    -- NULL is any record of the kind.
    aggregateid bigint,
    error text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);

-- What a record is, and all tables that its query reads. Text, since a view would forbid the LMS to alter its columns.
CREATE TABLE IF NOT EXISTS telemetry_kinds (kind text PRIMARY KEY, tables text NOT NULL, query text NOT NULL);
INSERT INTO telemetry_kinds (kind, tables, query) VALUES
('academies', 'admissions_academy', $$
SELECT a.id, a.timezone, a.updated_at FROM admissions_academy AS a
$$),
('users', 'auth_user, authenticate_profileacademy', $$
SELECT u.id, u.first_name, u.last_name, m.academies
FROM auth_user AS u
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(DISTINCT p.academy_id ORDER BY p.academy_id), '{}') AS academies
    FROM authenticate_profileacademy AS p
    WHERE p.user_id = u.id AND p.status = 'ACTIVE'
) AS m
$$),
('assets', 'registry_asset, registry_assetalias, registry_asset_all_translations', $$
SELECT a.id, a.slug, a.title, a.lang, a.asset_type, a.graded, a.learnpack_id, a.academy_id AS academy,
       l.aliases, t.translations
FROM registry_asset AS a
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(s.slug ORDER BY s.slug), '{}') AS aliases
    FROM registry_assetalias AS s
    WHERE s.asset_id = a.id AND s.slug <> a.slug
) AS l
CROSS JOIN LATERAL (
    SELECT coalesce(jsonb_object_agg(o.lang, o.slug), '{}') AS translations
    FROM registry_asset_all_translations AS r
    JOIN registry_asset AS o ON o.id = r.to_asset_id
    WHERE r.from_asset_id = a.id AND o.lang IS NOT NULL
) AS t
$$),
('tasks', 'assignments_task', $$
SELECT t.id, t.user_id, t.associated_slug, t.title, t.task_type, t.task_status, t.revision_status, t.created_at,
       t.updated_at
FROM assignments_task AS t
$$)
ON CONFLICT (kind) DO UPDATE SET tables = excluded.tables, query = excluded.query;

-- What an earlier run has made, with its triggers.
DROP VIEW IF EXISTS telemetry_academies, telemetry_users, telemetry_assets, telemetry_tasks;
DROP ROUTINE IF EXISTS telemetry_tell_all();
DROP FUNCTION IF EXISTS telemetry_translations_changed() CASCADE;
DROP FUNCTION IF EXISTS telemetry_changed() CASCADE;
DROP FUNCTION IF EXISTS telemetry_tell(text, bigint);

-- The records of a kind as they are: those with these ids, or all.
CREATE OR REPLACE FUNCTION telemetry_records(which text, ids bigint[] DEFAULT NULL)
RETURNS TABLE (number bigint, record text) LANGUAGE plpgsql SET search_path FROM CURRENT AS $$
DECLARE
    asked text := (SELECT k.query FROM telemetry_kinds AS k WHERE k.kind = which);
BEGIN
    RETURN QUERY EXECUTE format('SELECT v.id::bigint, row_to_json(v)::text FROM (%s) AS v', asked)
        || CASE WHEN ids IS NULL THEN '' ELSE ' WHERE v.id = ANY ($1)' END USING ids;
END $$;

-- A row for each of these records: as it is, or that it is gone. One that is too large stays in the directory as it was.
CREATE OR REPLACE FUNCTION telemetry_tell(which text, ids bigint[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
    WITH told AS MATERIALIZED (
        SELECT n, r.record, coalesce(octet_length(convert_to(r.record, 'UTF8')) > 1048576, false) AS is_large
        FROM unnest(ids) AS n LEFT JOIN telemetry_records(which, ids) AS r ON r.number = n
    ), written AS (
        INSERT INTO telemetry_outbox (aggregatetype, aggregateid, payload)
        SELECT which, t.n::text, t.record FROM told AS t WHERE NOT t.is_large
    )
    INSERT INTO telemetry_untold (aggregatetype, aggregateid, error)
    SELECT which, t.n, 'larger than 1 MiB' FROM told AS t WHERE t.is_large;
    IF FOUND THEN
        RAISE WARNING 'telemetry: % larger than 1 MiB are not told: see telemetry_untold', which;
    END IF;
END $$;

-- For triggers: the kind, the column with the record's id, the columns whose change counts (all if empty), and a query that
-- makes ids of other records of these. A row that goes from one record to another is told of both.
CREATE FUNCTION telemetry_changed() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
DECLARE
    which text := TG_ARGV[0];
    keys text := format('SELECT %I::bigint AS id FROM ', TG_ARGV[1]);
    -- As text: not every type can be compared (json).
    listed text := format('SELECT %I::bigint AS id, ROW(%s)::text AS columns FROM ',
                          TG_ARGV[1], coalesce(nullif(TG_ARGV[2], ''), 't.*'));
    ids bigint[];
BEGIN
    IF TG_OP = 'TRUNCATE' AND TG_WHEN = 'AFTER' THEN
        ids := ARRAY(SELECT r.number FROM telemetry_records(which) AS r);
    ELSE
        EXECUTE 'SELECT array_agg(DISTINCT c.id) FROM (' || CASE TG_OP
            WHEN 'INSERT' THEN keys || 'new_rows'
            WHEN 'DELETE' THEN keys || 'old_rows'
            WHEN 'TRUNCATE' THEN keys || format('%I.%I', TG_TABLE_SCHEMA, TG_TABLE_NAME)
            ELSE format('WITH o AS (%sold_rows AS t), n AS (%snew_rows AS t) '
                        '(TABLE o EXCEPT TABLE n) UNION (TABLE n EXCEPT TABLE o)', listed, listed)
        END || ') AS c WHERE c.id IS NOT NULL' INTO ids;
    END IF;
    IF TG_ARGV[3] <> '' AND ids IS NOT NULL THEN
        EXECUTE format('SELECT array_agg(DISTINCT c.id) FROM (%s) AS c (id)', TG_ARGV[3]) INTO ids USING ids;
    END IF;
    IF ids IS NULL THEN
        RETURN NULL;
    ELSIF TG_OP = 'TRUNCATE' AND TG_WHEN = 'BEFORE' THEN
        INSERT INTO telemetry_outbox (aggregatetype, aggregateid) SELECT which, n::text FROM unnest(ids) AS n;
    ELSE
        PERFORM telemetry_tell(which, ids);
    END IF;
    RETURN NULL;
EXCEPTION
    -- The LMS tries such a transaction again.
    WHEN transaction_rollback THEN
        RAISE;
    WHEN OTHERS THEN
        RAISE WARNING 'telemetry: % of % is not told: %', TG_OP, TG_TABLE_NAME, SQLERRM;
        INSERT INTO telemetry_untold (aggregatetype, aggregateid, error)
        SELECT which, n, SQLERRM FROM unnest(coalesce(ids, ARRAY[NULL::bigint])) AS n;
        RETURN NULL;
END $$;

-- The next thousand records after an id, with those that could not be told; returns the last one's id, NULL after all.
-- Writers of the tables wait for these milliseconds: the log is in the order of commits, and what is read here while
-- somebody else has not yet committed a change would come behind that change and undo it. It gives up before others do
-- (deadlock_timeout is a second), so it is never the LMS that is refused.
CREATE OR REPLACE FUNCTION telemetry_tell_next(which text, last bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path FROM CURRENT SET lock_timeout = '200ms' AS $$
DECLARE
    told telemetry_kinds := (SELECT k FROM telemetry_kinds AS k WHERE k.kind = which);
    ids bigint[];
BEGIN
    EXECUTE format('LOCK TABLE %s IN SHARE MODE', told.tables);
    EXECUTE format('SELECT array_agg(b.id) FROM ('
        '(SELECT v.id::bigint FROM (%s) AS v WHERE v.id > $1 ORDER BY v.id LIMIT 1000) UNION '
        '(SELECT DISTINCT u.aggregateid FROM telemetry_untold AS u '
        'WHERE u.aggregatetype = $2 AND u.aggregateid > $1 ORDER BY u.aggregateid LIMIT 1000) '
        'ORDER BY id LIMIT 1000) AS b', told.query) INTO ids USING last, which;
    DELETE FROM telemetry_untold WHERE aggregatetype = which AND aggregateid = ANY (ids);
    PERFORM telemetry_tell(which, ids);
    RETURN (SELECT max(n) FROM unnest(ids) AS n);
END $$;

-- All that is there now, once the triggers are, and what could not be told: `CALL telemetry_tell_all()`, outside of a
-- transaction, since each thousand is one of its own.
CREATE PROCEDURE telemetry_tell_all() LANGUAGE plpgsql AS $$
DECLARE
    which text;
    last bigint;
    untold bigint[] := ARRAY(SELECT u.id FROM telemetry_untold AS u WHERE u.aggregateid IS NULL);
    has_to_wait boolean;
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'it has to see what others commit: SET default_transaction_isolation = ''read committed''';
    END IF;
    FOREACH which IN ARRAY ARRAY['academies', 'users', 'assets', 'tasks'] LOOP
        last := -9223372036854775808;
        WHILE last IS NOT NULL LOOP
            has_to_wait := false;
            BEGIN
                last := telemetry_tell_next(which, last);
            EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                has_to_wait := true;
            END;
            COMMIT;
            IF has_to_wait THEN
                PERFORM pg_sleep(0.5);
            END IF;
        END LOOP;
    END LOOP;
    DELETE FROM telemetry_untold AS u WHERE u.id = ANY (untold);
END $$;

REVOKE ALL ON FUNCTION telemetry_records(text, bigint[]), telemetry_tell(text, bigint[]), telemetry_changed(),
    telemetry_tell_next(text, bigint) FROM PUBLIC;
REVOKE ALL ON PROCEDURE telemetry_tell_all() FROM PUBLIC;

-- Which tables are followed, and what their rows are part of. Where the LMS writes the outbox itself (signals.py.txt) leave
-- this out.
DO $$
DECLARE
    w record;
    told text;
BEGIN
    FOR w IN SELECT * FROM (VALUES
        ('academies', 'admissions_academy', 'academies', 'id', '', ''),
        -- Each log-in changes another column of it.
        ('users', 'auth_user', 'users', 'id', 'first_name, last_name', ''),
        ('members', 'authenticate_profileacademy', 'users', 'user_id', '', ''),
        ('assets', 'registry_asset', 'assets', 'id',
         'slug, title, lang, asset_type, graded, learnpack_id, academy_id', ''),
        -- An asset's slug stands in the records of its translations.
        ('slugs', 'registry_asset', 'assets', 'id', 'slug, lang',
         'SELECT r.from_asset_id FROM registry_asset_all_translations AS r WHERE r.to_asset_id = ANY ($1)'),
        ('aliases', 'registry_assetalias', 'assets', 'asset_id', '', ''),
        ('links', 'registry_asset_all_translations', 'assets', 'from_asset_id', '', ''),
        ('tasks', 'assignments_task', 'tasks', 'id', '', '')
    ) AS v (name, followed, kind, key, columns, others) LOOP
        told := format('FOR EACH STATEMENT EXECUTE FUNCTION telemetry_changed(%L, %L, %L, %L)',
                       w.kind, w.key, w.columns, w.others);
        EXECUTE format('CREATE TRIGGER telemetry_%s_update AFTER UPDATE ON %I '
                       'REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows %s', w.name, w.followed, told);
        CONTINUE WHEN w.others <> '';
        EXECUTE format('CREATE TRIGGER telemetry_%s_insert AFTER INSERT ON %I REFERENCING NEW TABLE AS new_rows %s',
                       w.name, w.followed, told);
        EXECUTE format('CREATE TRIGGER telemetry_%s_delete AFTER DELETE ON %I REFERENCING OLD TABLE AS old_rows %s',
                       w.name, w.followed, told);
        -- Who is in an emptied table is known before, what becomes of records that it is part of afterwards.
        EXECUTE format('CREATE TRIGGER telemetry_%s_truncate %s TRUNCATE ON %I %s',
                       w.name, CASE WHEN w.key = 'id' THEN 'BEFORE' ELSE 'AFTER' END, w.followed, told);
    END LOOP;
END $$;

COMMIT;
