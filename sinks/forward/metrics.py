"""The forwarder's figures for Prometheus."""

from __future__ import annotations

from typing import Final

from broker.lag_figures import LagFigures
from broker.loop_watch import LoopWatch
from broker.metrics import PartMetrics

__all__ = [
    "AWAY_SINCE",
    "DEAD_LETTERS",
    "EPISODES",
    "FORWARD",
    "LAG",
    "LOOKED_AT",
    "LOOP",
    "PAUSED",
    "PENDING",
    "POSTS",
    "POST_SECONDS",
    "REBALANCES",
]

FORWARD: Final = PartMetrics("forward")

POSTS: Final = FORWARD.counter(
    "posts",
    "Posts by what came of them: taken, refused (that message), away (the receiver as a whole), gone (410).",
    "verdict",
)
POST_SECONDS: Final = FORWARD.histogram("post_seconds", "What a post takes, whatever comes of it.")
PENDING: Final = FORWARD.gauge("pending", "Messages that were read and are not settled.")
PAUSED: Final = FORWARD.gauge("paused", "1 while the forwarder is paused, by an operator or by the receiver's 410.")
AWAY_SINCE: Final = FORWARD.gauge(
    "receiver_away_timestamp_seconds", "Since when the receiver takes nothing; 0 while it does."
)
DEAD_LETTERS: Final = FORWARD.counter(
    "dead_letters", "Messages that were given up, or were none. See `dead-letters list`.", "topic"
)
LAG: Final = LagFigures(
    FORWARD,
    "lag",
    "this forwarder has",
    ("topic", "partition"),
    counted="Messages that are not settled yet, those among them that are not read: of them only the offsets are known,"
    " with transactions' markers.",
)
REBALANCES: Final = FORWARD.counter("rebalances", "How often partitions were dealt out anew.")
EPISODES: Final = FORWARD.counter("episodes", "Students who were found stuck, each once as long as it goes on.")
LOOKED_AT: Final = FORWARD.gauge(
    "stuck_looked_timestamp_seconds", "When it was last asked who is stuck; 0 for a forwarder that does not ask."
)
LOOP: Final = LoopWatch(FORWARD)
