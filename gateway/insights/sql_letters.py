"""The texts of the questions about dead letters, by bound parameters only."""

from __future__ import annotations

from typing import Final

__all__ = ["LETTER", "LETTERS", "LETTER_AGAIN", "LETTER_COUNT", "LETTER_GROUPS", "LETTER_IDS"]

_WHERE: Final = """
WHERE ({every:UInt8} = 1 OR resolution = {resolution:String})
    AND ({topic:String} = '' OR topic = {topic:String}) AND ({stage:String} = '' OR stage = {stage:String})
    AND ({reason:String} = '' OR position(reason, {reason:String}) > 0)
    AND (empty({ids:Array(UInt64)}) OR id IN {ids:Array(UInt64)})
"""

_COLUMNS: Final = """
    id, topic, partition, offset, line, stage, leftUTF8(reason, $most) AS why, resolution,
    timestamp AS written_at, received_at AS failed_at, size
"""

LETTER_COUNT: Final = "SELECT count() AS letters FROM dead_letters" + _WHERE  # noqa: S608 - constants only

LETTER_IDS: Final = "SELECT id FROM dead_letters" + _WHERE + "ORDER BY received_at, id LIMIT {limit:UInt32}"  # noqa: S608 - as above

LETTERS: Final = f"""
SELECT {_COLUMNS.replace("$most", "500")} FROM dead_letters {_WHERE}
ORDER BY received_at DESC, id DESC LIMIT {{limit:UInt32}} OFFSET {{offset:UInt64}}
"""  # noqa: S608 - as above

LETTER_GROUPS: Final = f"""
SELECT topic, stage, leftUTF8(reason, 500) AS why, count() AS letters, max(received_at) AS newest_at FROM dead_letters
{_WHERE}
GROUP BY topic, stage, why ORDER BY letters DESC, newest_at DESC, topic, stage, why LIMIT {{limit:UInt32}}
"""  # noqa: S608 - as above

LETTER: Final = f"""
SELECT {_COLUMNS.replace("$most", "20000")}, leftUTF8(traceback, 100000) AS trace, key,
    substring(value, 1, {{most:UInt64}}) AS shown_value, headers
FROM dead_letters WHERE id = {{id:UInt64}}
ORDER BY received_at DESC LIMIT 1
"""  # noqa: S608 - as above

# The newest of a webhook that failed again after it was sent again.
LETTER_AGAIN: Final = """
SELECT id FROM dead_letters
WHERE topic = {topic:String} AND headers['retry-of'] = toString({webhook:UInt64})
    AND received_at > {after:DateTime64(3, 'UTC')} AND id != {id:UInt64}
ORDER BY received_at DESC, id DESC LIMIT 1
"""
