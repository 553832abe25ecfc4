-- After the roles, which 2-roles.sql has: `learnpack-telemetry setup --roles` writes it, and
-- tests/contract/test_compose.py holds it to what the code needs today.
GRANT telemetry_analyst TO analyst;
ALTER USER analyst DEFAULT ROLE telemetry_analyst;
