-- What the LMS's database knows, for `learnpack-telemetry directory sync` (docs/directory.md).
--
-- Below a line with a kind stands its query: `id`, and the fields of the record. A column `updated_at` has to change with
-- anything that the query shows; without it all rows are compared each time. The tables are those that Django makes of
-- BreatheCode's models: change names to yours, and leave out kinds that you do not want to follow.
--
-- Academies, users, assets and tasks that a query does not show are removed from the directory, whoever wrote them there.
-- Fields that a query does not have stay as they are, such as `notebook_names` of users.

-- academies
SELECT a.id, a.timezone, a.updated_at
FROM admissions_academy AS a;

-- users
-- No updated_at: who joins or leaves an academy changes another table's row, and one that is deleted has no time.
SELECT u.id, u.first_name, u.last_name, m.academies
FROM auth_user AS u
CROSS JOIN LATERAL (
    SELECT coalesce(array_agg(DISTINCT p.academy_id ORDER BY p.academy_id), '{}') AS academies
    FROM authenticate_profileacademy AS p
    WHERE p.user_id = u.id AND p.status = 'ACTIVE'
) AS m;

-- assets
-- No updated_at either: aliases and translations are rows of their own.
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

-- tasks
SELECT t.id, t.user_id, t.associated_slug, t.title, t.task_type, t.task_status, t.revision_status, t.created_at,
       t.updated_at
FROM assignments_task AS t;

-- tokens
-- Of a token its SHA-256 alone: it never leaves the database. Users with several keep all of them.
-- Without `academies` a new one may do what a student may; one that was given capabilities here keeps them, and ends with
-- the LMS's. What was revoked here stays so.
SELECT encode(sha256(convert_to(k.key, 'UTF8')), 'hex') AS id, k.user_id, k.expires_at
FROM authenticate_token AS k
WHERE k.expires_at IS NULL OR k.expires_at > now();
