"""Tables of an LMS as far as the directory is about them, with the columns of deploy/examples/lms."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg

if TYPE_CHECKING:
    from tests.support.postgres import Database

__all__ = ["EXAMPLES", "QUERIES", "TOKEN", "make_outbox", "make_tables"]

EXAMPLES: Final = Path(__file__).parents[2] / "deploy" / "examples" / "lms"
QUERIES: Final = EXAMPLES / "queries.sql"

# The secret of user 7's token.
TOKEN: Final = "4a7f-lms-token"

_TABLES: Final = """
CREATE TABLE admissions_academy (
    id serial PRIMARY KEY, slug text, timezone text, updated_at timestamptz DEFAULT now()
);
CREATE TABLE auth_user (id serial PRIMARY KEY, first_name text, last_name text, email text);
CREATE TABLE authenticate_profileacademy (
    id serial PRIMARY KEY, user_id int REFERENCES auth_user ON DELETE CASCADE,
    academy_id int REFERENCES admissions_academy, status text DEFAULT 'ACTIVE', updated_at timestamptz DEFAULT now()
);
CREATE INDEX ON authenticate_profileacademy (user_id);
CREATE TABLE authenticate_token (
    id serial PRIMARY KEY, key text UNIQUE, user_id int REFERENCES auth_user ON DELETE CASCADE, expires_at timestamptz
);
CREATE TABLE registry_asset (
    id serial PRIMARY KEY, slug text UNIQUE, title text, lang text, asset_type text, graded bool, learnpack_id int,
    academy_id int REFERENCES admissions_academy, updated_at timestamptz DEFAULT now()
);
CREATE TABLE registry_assetalias (slug text PRIMARY KEY, asset_id int REFERENCES registry_asset ON DELETE CASCADE);
CREATE INDEX ON registry_assetalias (asset_id);
CREATE TABLE registry_asset_all_translations (
    id serial PRIMARY KEY, from_asset_id int REFERENCES registry_asset ON DELETE CASCADE,
    to_asset_id int REFERENCES registry_asset ON DELETE CASCADE
);
CREATE INDEX ON registry_asset_all_translations (from_asset_id);
CREATE TABLE assignments_task (
    id serial PRIMARY KEY, user_id int REFERENCES auth_user ON DELETE CASCADE, associated_slug text, title text,
    task_type text, task_status text, revision_status text, created_at timestamptz DEFAULT now(),
    updated_at timestamptz DEFAULT now()
);
INSERT INTO admissions_academy (id, slug, timezone) VALUES (4, 'malaga', 'Europe/Madrid');
INSERT INTO auth_user (id, first_name, last_name) VALUES (7, 'Ada', 'Lovelace'), (8, 'Grace', '50%');
INSERT INTO authenticate_profileacademy (user_id, academy_id, status) VALUES (7, 4, 'ACTIVE'), (8, 4, 'INVITED');
INSERT INTO registry_asset (id, slug, title, lang, asset_type, graded, learnpack_id, academy_id) VALUES
    (318, 'hello-world', 'Hello', 'us', 'EXERCISE', true, 77, 4),
    (319, 'hola-mundo', 'Hola', 'es', 'EXERCISE', true, NULL, 4);
INSERT INTO registry_assetalias VALUES ('hello', 318), ('hello-world', 318);
INSERT INTO registry_asset_all_translations (from_asset_id, to_asset_id) VALUES (318, 319), (319, 318);
INSERT INTO assignments_task (id, user_id, associated_slug, title, task_type, task_status, revision_status)
    VALUES (70, 7, 'hello-world', 'Hello', 'EXERCISE', 'PENDING', 'PENDING');
"""


def make_tables(database: Database) -> None:
    """Make the tables with a few rows: academy 4, users 7 and 8, asset 318 with its translation 319, task 70."""
    with psycopg.connect(database.dsn) as connection:
        connection.execute(_TABLES.encode())
        connection.execute(
            "INSERT INTO authenticate_token (key, user_id, expires_at) VALUES (%s, 7, NULL), ('ended', 7, now())",
            (TOKEN,),
        )


def make_outbox(database: Database) -> None:
    """Make the outbox with its views and triggers, as its page says."""
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        connection.execute((EXAMPLES / "outbox.sql").read_bytes())
