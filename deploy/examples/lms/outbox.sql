-- An outbox in the LMS's database: whatever changes of the directory's records is a row of it, in the same transaction,
-- and Debezium writes that row to the topic of its kind (connector.properties, docs/directory.md).
--
-- Views say what a record is, triggers on the tables write rows. The tables are those that Django makes of BreatheCode's
-- models: change names to yours. To run it again changes nothing.

BEGIN;

CREATE TABLE IF NOT EXISTS telemetry_outbox (
    id bigserial PRIMARY KEY,
    aggregatetype text NOT NULL CHECK (aggregatetype IN ('academies', 'users', 'assets', 'tasks')),
    aggregateid text NOT NULL,
    -- NULL is a record that is gone.
    payload text,
    created_at timestamptz NOT NULL DEFAULT now()
);

CREATE OR REPLACE VIEW telemetry_academies AS
SELECT a.id, a.timezone, a.updated_at FROM admissions_academy AS a;

CREATE OR REPLACE VIEW telemetry_users AS
SELECT u.id, u.first_name, u.last_name, m.academies
FROM auth_user AS u
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(DISTINCT p.academy_id ORDER BY p.academy_id), '{}') AS academies
    FROM authenticate_profileacademy AS p
    WHERE p.user_id = u.id AND p.status = 'ACTIVE'
) AS m;

CREATE OR REPLACE VIEW telemetry_assets AS
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
) AS t;

CREATE OR REPLACE VIEW telemetry_tasks AS
SELECT t.id, t.user_id, t.associated_slug, t.title, t.task_type, t.task_status, t.revision_status, t.created_at,
       t.updated_at
FROM assignments_task AS t;

-- A row for one record: what its view shows, or that it is gone.
CREATE OR REPLACE FUNCTION telemetry_tell(kind text, number bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    told text;
BEGIN
    EXECUTE format('SELECT row_to_json(v)::text FROM %I AS v WHERE v.id = $1', 'telemetry_' || kind)
        INTO told USING number;
    INSERT INTO telemetry_outbox (aggregatetype, aggregateid, payload) VALUES (kind, number::text, told);
END $$;

-- For triggers: the kind, and the column that has the record's id. Both are told where a row goes from one to another.
CREATE OR REPLACE FUNCTION telemetry_changed() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    old_id bigint := CASE WHEN TG_OP <> 'INSERT' THEN (to_jsonb(OLD) ->> TG_ARGV[1])::bigint END;
    new_id bigint := CASE WHEN TG_OP <> 'DELETE' THEN (to_jsonb(NEW) ->> TG_ARGV[1])::bigint END;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW IS NOT DISTINCT FROM OLD THEN
        RETURN NULL;
    END IF;
    IF old_id IS NOT NULL AND old_id IS DISTINCT FROM new_id THEN
        PERFORM telemetry_tell(TG_ARGV[0], old_id);
    END IF;
    IF new_id IS NOT NULL THEN
        PERFORM telemetry_tell(TG_ARGV[0], new_id);
    END IF;
    RETURN NULL;
END $$;

-- An asset's slug stands in the records of its translations.
CREATE OR REPLACE FUNCTION telemetry_translations_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM telemetry_tell('assets', r.from_asset_id)
    FROM registry_asset_all_translations AS r WHERE r.to_asset_id = OLD.id AND r.from_asset_id <> OLD.id;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER telemetry_academies AFTER INSERT OR UPDATE OR DELETE ON admissions_academy
    FOR EACH ROW EXECUTE FUNCTION telemetry_changed('academies', 'id');
CREATE OR REPLACE TRIGGER telemetry_users AFTER INSERT OR DELETE OR UPDATE OF first_name, last_name ON auth_user
    FOR EACH ROW EXECUTE FUNCTION telemetry_changed('users', 'id');
CREATE OR REPLACE TRIGGER telemetry_members AFTER INSERT OR UPDATE OR DELETE ON authenticate_profileacademy
    FOR EACH ROW EXECUTE FUNCTION telemetry_changed('users', 'user_id');
CREATE OR REPLACE TRIGGER telemetry_assets AFTER INSERT OR UPDATE OR DELETE ON registry_asset
    FOR EACH ROW EXECUTE FUNCTION telemetry_changed('assets', 'id');
CREATE OR REPLACE TRIGGER telemetry_slugs AFTER UPDATE OF slug, lang ON registry_asset
    FOR EACH ROW EXECUTE FUNCTION telemetry_translations_changed();
CREATE OR REPLACE TRIGGER telemetry_aliases AFTER INSERT OR UPDATE OR DELETE ON registry_assetalias
    FOR EACH ROW EXECUTE FUNCTION telemetry_changed('assets', 'asset_id');
CREATE OR REPLACE TRIGGER telemetry_links AFTER INSERT OR UPDATE OR DELETE ON registry_asset_all_translations
    FOR EACH ROW EXECUTE FUNCTION telemetry_changed('assets', 'from_asset_id');
CREATE OR REPLACE TRIGGER telemetry_tasks AFTER INSERT OR UPDATE OR DELETE ON assignments_task
    FOR EACH ROW EXECUTE FUNCTION telemetry_changed('tasks', 'id');

-- All that is there now, once the triggers are: `SELECT telemetry_tell_all()`.
CREATE OR REPLACE FUNCTION telemetry_tell_all() RETURNS void LANGUAGE sql AS $$
    INSERT INTO telemetry_outbox (aggregatetype, aggregateid, payload)
    SELECT 'academies', v.id::text, row_to_json(v)::text FROM telemetry_academies AS v
    UNION ALL SELECT 'users', v.id::text, row_to_json(v)::text FROM telemetry_users AS v
    UNION ALL SELECT 'assets', v.id::text, row_to_json(v)::text FROM telemetry_assets AS v
    UNION ALL SELECT 'tasks', v.id::text, row_to_json(v)::text FROM telemetry_tasks AS v;
$$;

COMMIT;
