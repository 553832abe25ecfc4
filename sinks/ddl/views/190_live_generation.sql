-- Replaced last: it tells which generation the views before it read.
CREATE OR REPLACE VIEW $public.live_generation $on_cluster
(generation UInt32 COMMENT 'Number of the generation')
SQL SECURITY DEFINER AS SELECT toUInt32($generation) AS generation
COMMENT 'The generation that the views read';
