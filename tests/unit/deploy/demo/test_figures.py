"""What the demo tells in a few lines."""

from __future__ import annotations

from deploy.demo.figures import COLUMNS, Figures

SLUG = "configuring-firewall-and-acl-exercise-tutorial"


def figures(works: int) -> Figures:
    """Many facts, and scores of a tutorial with a long slug."""
    webhooks = (("DONE", "stored", 12), ("DONE", "stale", 5), ("ERROR", "asset not found", 1))
    facts = tuple((f"{kind}_{'x' * 9}", 1234) for kind in "abcdefgh")
    scores = tuple((20000 + work, 100.0, 26.62, None, SLUG) for work in range(works))
    return Figures(11, webhooks, facts, scores)


def test_no_line_is_wider_than_a_terminal() -> None:
    """However long slugs and lists are; members of a list stay whole, and a slug says that it was cut."""
    lines = figures(4).lines()

    assert max(map(len, lines)) <= COLUMNS
    assert "1 ERROR (asset not found)" in "\n".join(lines)
    assert any(line.endswith("…") and SLUG[:20] in line for line in lines)


def test_a_few_scores_stand_for_all() -> None:
    """However many there are, three are shown, and how many more there are is told."""
    many, few = figures(9).lines(), figures(2).lines()

    assert [line.split()[0] for line in many[-3:]] == ["20000", "20001", "20002"]
    assert any("9, the most frustrated first; 6 more in the console" in line for line in many)
    assert not any("more in the console" in line for line in few)
    assert [line.split()[3] for line in few[-2:]] == ["-", "-"]
