"""What panels of the optional parts show of figures that are known: `up` runs neither, so no system test has them."""

from __future__ import annotations

import json
import re
import subprocess
from typing import TYPE_CHECKING, Any, Final

import pytest

from deploy.metrics_page import every_part
from tests.support.dashboards import Shown, expanded_promql, of_optional_parts
from tests.support.metrics import PROMTOOL, need_prometheus

if TYPE_CHECKING:
    from pathlib import Path

PANELS: Final = of_optional_parts()

# When panels look: so many seconds after the figures began. Two forwarders run and a sync; one forwarder is paused.
_NOW: Final = 7200
_LMS: Final = 'job="telemetry",process="",pod="forward-0",instance="10.0.0.7:9464"'
_CHAT: Final = 'job="telemetry",process="",pod="chat-0",instance="10.0.0.8:9464"'
_SYNC: Final = 'job="telemetry",process="",pod="sync-0",instance="10.0.0.9:9464"'
_COMPLETIONS: Final = 'topic="learnpack.completions"'

# By series what each minute had, as promtool writes it: a value, its rise a minute, and how many minutes.
FIGURES: Final = {
    f'telemetry_forward_posts_total{{{_LMS},verdict="taken"}}': "0+120x120",
    f'telemetry_forward_posts_total{{{_LMS},verdict="refused"}}': "0+6x120",
    f'telemetry_forward_posts_total{{{_CHAT},verdict="away"}}': "0+60x120",
    f'telemetry_forward_post_seconds_bucket{{{_LMS},le="0.1"}}': "0+50x120",
    f'telemetry_forward_post_seconds_bucket{{{_LMS},le="1.0"}}': "0+100x120",
    f'telemetry_forward_post_seconds_bucket{{{_LMS},le="+Inf"}}': "0+100x120",
    f'telemetry_forward_lag_records{{{_LMS},{_COMPLETIONS},partition="0"}}': "3x120",
    f'telemetry_forward_lag_records{{{_LMS},{_COMPLETIONS},partition="1"}}': "4x120",
    f'telemetry_forward_lag_records{{{_CHAT},{_COMPLETIONS},partition="0"}}': "40x120",
    f'telemetry_forward_lag_seconds{{{_LMS},{_COMPLETIONS},partition="0"}}': "12x120",
    f'telemetry_forward_lag_seconds{{{_LMS},{_COMPLETIONS},partition="1"}}': "5x120",
    f'telemetry_forward_lag_seconds{{{_CHAT},{_COMPLETIONS},partition="0"}}': "0+60x120",
    f"telemetry_forward_paused{{{_LMS}}}": "0x120",
    f"telemetry_forward_paused{{{_CHAT}}}": "1x120",
    f"telemetry_forward_receiver_away_timestamp_seconds{{{_LMS}}}": "0x120",
    f"telemetry_forward_receiver_away_timestamp_seconds{{{_CHAT}}}": "6600x120",
    f"telemetry_forward_dead_letters_total{{{_LMS},{_COMPLETIONS}}}": "0x120",
    f"telemetry_forward_dead_letters_total{{{_CHAT},{_COMPLETIONS}}}": "0+1x120",
    f"telemetry_forward_episodes_total{{{_LMS}}}": "0+1x120",
    f"telemetry_forward_episodes_total{{{_CHAT}}}": "0x120",
    f"telemetry_forward_stuck_looked_timestamp_seconds{{{_LMS}}}": "0x119 7170",
    f"telemetry_forward_stuck_looked_timestamp_seconds{{{_CHAT}}}": "0x120",
    f"telemetry_sync_synced_timestamp_seconds{{{_SYNC}}}": "0x118 7155 7155",
    f"telemetry_sync_every_seconds{{{_SYNC}}}": "60x120",
    f"telemetry_sync_pass_seconds{{{_SYNC}}}": "2.5x120",
    f'telemetry_sync_passes_total{{{_SYNC},result="whole"}}': "0+1x120",
    f'telemetry_sync_passes_total{{{_SYNC},result="held_back"}}': "0x120",
    f'telemetry_sync_passes_total{{{_SYNC},result="failed"}}': "0x120",
    f'telemetry_sync_rows{{{_SYNC},kind="users"}}': "5000x120",
    f'telemetry_sync_rows{{{_SYNC},kind="assets"}}': "80x120",
    f'telemetry_sync_written_total{{{_SYNC},kind="users"}}': "0+2x120",
    f'telemetry_sync_removed_total{{{_SYNC},kind="users"}}': "0+1x120",
    f'telemetry_sync_held_back{{{_SYNC},kind="users"}}': "120x120",
    f'telemetry_sync_refused_rows{{{_SYNC},kind="assets"}}': "3x120",
}
_FORWARD_0: Final = '{pod="forward-0", instance="10.0.0.7:9464"}'
_CHAT_0: Final = '{pod="chat-0", instance="10.0.0.8:9464"}'
_SYNC_0: Final = '{pod="sync-0", instance="10.0.0.9:9464"}'

# By panel what each of its queries then is, by labels.
SHOWN: Final[dict[str, list[dict[str, float]]]] = {
    "Posts by what came of them": [{'{verdict="taken"}': 2, '{verdict="refused"}': 0.1, '{verdict="away"}': 1}],
    "Messages that wait": [
        {
            '{pod="forward-0", topic="learnpack.completions"}': 7,
            '{pod="chat-0", topic="learnpack.completions"}': 40,
        }
    ],
    "Oldest message that waits": [
        {
            '{pod="forward-0", topic="learnpack.completions"}': 12,
            '{pod="chat-0", topic="learnpack.completions"}': 7200,
        }
    ],
    "A post": [{"{}": 0.1}, {"{}": 0.91}, {"{}": 0.982}],
    "Paused": [{_FORWARD_0: 0, _CHAT_0: 1}],
    "Receiver away": [{_FORWARD_0: 0, _CHAT_0: 600}],
    "Given up in an hour": [{'{topic="learnpack.completions"}': 60}],
    "Found stuck in an hour": [{"{}": 60}],
    "Since it was asked who is stuck": [{_FORWARD_0: 30}],
    "Age of the directory": [{_SYNC_0: 45}],
    "Comparisons in an hour": [{'{result="whole"}': 60, '{result="held_back"}': 0, '{result="failed"}': 0}],
    "A comparison": [{_SYNC_0: 2.5}, {_SYNC_0: 60}],
    "Rows of the LMS": [{'{kind="users"}': 5000, '{kind="assets"}': 80}],
    "Written in an hour": [{'{kind="users"}': 120}],
    "Removed in an hour": [{'{kind="users"}': 60}],
    "Held back": [{'{kind="users"}': 120}],
    "Refused rows": [{'{kind="assets"}': 3}],
}


def test_every_panel_of_an_optional_part_is_tried() -> None:
    """None is left out, and nothing is tried that no dashboard shows."""
    assert {panel.title for panel in PANELS} == set(SHOWN)
    assert len(PANELS) == len(SHOWN)


def test_figures_that_are_tried_are_those_of_the_parts() -> None:
    """Each with all of its labels, and those that it gets by being scraped."""
    declared = {figure.name: set(figure.labels) for part in every_part() for figure in part.declared}
    for series in FIGURES:
        name, _, labels = series.partition("{")
        bucket = name.endswith("_bucket")
        found = (
            set(re.findall(r'(\w+)="', labels)) - {"job", "instance", "process", "pod"} - ({"le"} if bucket else set())
        )
        assert found == declared[name.removesuffix("_bucket")], series


@need_prometheus
@pytest.mark.parametrize("panel", PANELS, ids=str)
def test_a_panel_shows_what_the_figures_are(panel: Shown, tmp_path: Path) -> None:
    """By Prometheus' own reckoning, in the unit of the panel, and of one forwarder apart from the other."""
    found = tried(panel, SHOWN[panel.title], tmp_path)

    assert found.returncode == 0, found.stdout + found.stderr


@need_prometheus
def test_a_panel_without_figures_shows_nothing(tmp_path: Path) -> None:
    """Of a part that does not run, so that nothing is taken for 0; and what is expected is looked for."""
    for panel in PANELS:
        assert tried(panel, [{} for _ in panel.promql], tmp_path, figures={}).returncode == 0, panel
    assert tried(PANELS[0], SHOWN[PANELS[0].title], tmp_path, figures={}).returncode != 0


def tried(
    panel: Shown, shown: list[dict[str, float]], directory: Path, figures: dict[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """What promtool says of the queries of a panel, which are to answer so much."""
    assert PROMTOOL is not None
    asked: list[dict[str, Any]] = [
        {
            # What percentiles are reckoned to is not quite the same in each release.
            "expr": f"round({expanded_promql(expression, '4m')}, 0.000001)",
            "eval_time": f"{_NOW}s",
            "exp_samples": [{"labels": labels, "value": value} for labels, value in expected.items()],
        }
        for expression, expected in zip(panel.promql, shown, strict=True)
    ]
    series = [{"series": name, "values": values} for name, values in (FIGURES if figures is None else figures).items()]
    file = directory / "panel.yaml"
    # JSON is YAML.
    file.write_text(
        json.dumps({"tests": [{"interval": "1m", "input_series": series, "promql_expr_test": asked}]}), "utf-8"
    )
    return subprocess.run(
        [PROMTOOL, "test", "rules", str(file)], capture_output=True, text=True, check=False, cwd=directory
    )
