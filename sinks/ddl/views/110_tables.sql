-- FINAL stands inside, where a reader cannot forget it: a plain SELECT is exact.
CREATE OR REPLACE VIEW $public.events $on_cluster
($events_view)
SQL SECURITY DEFINER AS SELECT $events_names FROM $derived.events FINAL
-- What a run told before log-in is told again by the student who claims it.
WHERE actor NOT IN (SELECT concat('telemetry:', telemetry_id) FROM $derived.claims)
COMMENT $events_comment;

CREATE OR REPLACE VIEW $public.webhooks $on_cluster
($webhooks_view)
SQL SECURITY DEFINER AS SELECT $webhooks_names FROM $derived.webhooks FINAL
COMMENT $webhooks_comment;

CREATE OR REPLACE VIEW $public.telemetry $on_cluster
($telemetry_view)
SQL SECURITY DEFINER AS SELECT $telemetry_names FROM $derived.telemetry FINAL
COMMENT $telemetry_comment;

CREATE OR REPLACE VIEW $public.scores $on_cluster
($scores_view)
SQL SECURITY DEFINER AS SELECT $scores_names FROM $derived.scores FINAL
COMMENT $scores_comment;

CREATE OR REPLACE VIEW $public.student_day $on_cluster
($student_day_view)
SQL SECURITY DEFINER AS SELECT $student_day_names FROM $derived.student_day FINAL
WHERE actor NOT IN (SELECT concat('telemetry:', telemetry_id) FROM $derived.claims)
COMMENT $student_day_comment;

CREATE OR REPLACE VIEW $public.asset_daily $on_cluster
($asset_daily_view)
SQL SECURITY DEFINER AS SELECT $asset_daily_names FROM $derived.asset_daily FINAL
COMMENT $asset_daily_comment;

CREATE OR REPLACE VIEW $public.dead_letters $on_cluster
($dead_letters_view)
SQL SECURITY DEFINER AS SELECT $dead_letters_names FROM $derived.dead_letters FINAL
COMMENT $dead_letters_comment;

CREATE OR REPLACE VIEW $public.claims $on_cluster
($claims_view)
-- Sinks store an empty one now and then, see sinks/writer/routes.py.
SQL SECURITY DEFINER AS SELECT $claims_names FROM $derived.claims FINAL WHERE telemetry_id != ''
COMMENT $claims_comment;
