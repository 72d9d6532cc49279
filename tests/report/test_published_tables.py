"""Tables that somebody published: what they show, and what of them is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import wilcoxon

from sandbox.errors import DataError
from sandbox.published import Table, is_table, read, summary_of
from sandbox.report.summary import as_data, sentences

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "published"
INDUCTION = SHARED / "induction30-test-accuracy.csv"
needs_data = pytest.mark.skipif(not INDUCTION.is_file(), reason=f"needs {INDUCTION}")


def table(tmp_path: Path, text: str, name: str = "t.csv") -> Path:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


@needs_data
def test_the_thirty_tasks_decide_nothing_and_have_the_figures_of_their_readme() -> None:
    summary = summary_of(read(INDUCTION))
    means = {standing.agent: standing.score.value for standing in summary.standings}
    wanted = {"ape": 0.6207, "instructzero": 0.6733, "evoprompt": 0.68, "instinct": 0.6113, "dual": 0.6955}
    assert means == pytest.approx(wanted, abs=6e-5)
    assert list(means) == ["dual", "evoprompt", "instructzero", "ape", "instinct"]
    ranks = {"ape": 3.2, "instructzero": 2.82, "evoprompt": 2.52, "instinct": 3.57, "dual": 2.9}
    assert summary.mean_ranks == pytest.approx(ranks, abs=5e-3)
    assert (summary.unit, len(summary.problems), len(summary.comparisons)) == ("problems", 30, 10)
    assert {pair.verdict for pair in summary.comparisons} == {"undecided"}
    assert min(pair.p for pair in summary.comparisons) == pytest.approx(0.0096, abs=1e-3)
    assert sentences(summary) == [
        "No pair is decided after Holm's correction, between dual, evoprompt, instructzero, ape and "
        "instinct: more problems would be needed."
    ]


@needs_data
def test_two_tests_agree_that_nothing_is_decided() -> None:
    """Wilcoxon's test with Holm's correction, by scipy, as the oracle."""
    scores = read(INDUCTION).scores
    p = sorted(wilcoxon(scores[:, i], scores[:, j]).pvalue for i in range(5) for j in range(i))
    assert max(p[0] * 10, p[1] * 9) > 0.05


@needs_data
@pytest.mark.parametrize(
    ("name", "left"),
    [("dual-ablation", "MEAN(30 Tasks)"), ("dual-simreg-depth", "MEAN"), ("induction30-difficulty", None)],
)
def test_other_tables_of_the_papers_can_be_read(name: str, left: str | None) -> None:
    found = read(SHARED / f"{name}.csv")
    assert np.isfinite(found.scores).all()
    assert not any(problem.startswith("MEAN") for problem in found.problems)
    assert found.notes == (() if left is None else (f"the row {left!r} is left out: it is no problem",))


def test_wide_and_long_say_the_same(tmp_path: Path) -> None:
    wide = read(table(tmp_path, "task,a,b\np,0.1,0.2\nq,0.3,0.4\n"))
    long = "Task,Method,Seed,Accuracy,note\n"
    for problem, method, score in (("p", "a", 0.1), ("p", "b", 0.2), ("q", "a", 0.3), ("q", "b", 0.4)):
        long += f"{problem},{method},0,{score - 0.05},x\n{problem},{method},1,{score + 0.05},y\n"
    other = read(table(tmp_path, long, "l.csv"))
    assert (wide.problems, wide.methods) == (other.problems, other.methods) == (("p", "q"), ("a", "b"))
    assert other.scores == pytest.approx(wide.scores)
    tabs = read(table(tmp_path, "\ufefftask\ta\tb\n\np\t0.1\t0.2\r\nq\t0.3\t0.4\n\n", "t.tsv"))
    assert (tabs.scores == wide.scores).all()
    assert tabs.methods == ("a", "b")


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=2, max_size=8), st.randoms())
def test_the_order_of_rows_and_columns_changes_no_verdict(scores: list[list[float]], random: object) -> None:
    cells = np.array(scores)
    rows = np.array(random.sample(range(len(cells)), len(cells)))  # type: ignore[attr-defined]
    names = [f"p{i}" for i in range(len(cells))]
    one = summary_of(Table("t", "d", tuple(names), ("a", "b", "c"), cells))
    other = summary_of(Table("t", "d", tuple(names[i] for i in rows), ("c", "b", "a"), cells[rows][:, ::-1]))
    assert one.mean_ranks == pytest.approx(other.mean_ranks)
    assert [s.agent for s in one.standings] == [s.agent for s in other.standings]

    def verdicts(pairs: object) -> dict[frozenset[str], tuple[float, str | None]]:
        return {frozenset((p.a, p.b)): (p.p_adjusted, p.winner) for p in pairs}  # type: ignore[attr-defined]

    assert verdicts(one.comparisons) == verdicts(other.comparisons)
    assert sum((one.mean_ranks or {}).values()) == pytest.approx(6)


def test_a_clear_winner_is_named() -> None:
    better = np.linspace(0.5, 0.9, 12)
    cells = np.stack([better, better - 0.1], axis=1)
    summary = summary_of(Table("t", "d", tuple("abcdefghijkl"), ("good", "bad"), cells))
    assert sentences(summary) == ["good beats bad."]
    assert summary.mean_ranks == {"good": 1, "bad": 2}
    told = as_data(summary)
    assert told["unit"] == "problems"
    assert told["leaderboard"][0]["gap"] is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "there are 0 lines"),
        ("task,a,b\n", "there are 1 lines"),
        ("task\np\n", "only one column, 'task'"),
        ("task,a,b\np,1\n", "line 2 has 2 cells, and the first line has 3"),
        ("task,a,b\n\np,1,2\nq,1,2,3\n", "line 4 has 4 cells"),
        ("task,a,b\np,1,two\n", "line 2: b is 'two', and must be a finite number"),
        ("task,a,b\np,1,\n", "line 2: b is '', and"),
        ("task,a,b\np,nan,2\n", "line 2: a is 'nan'"),
        ("task,a,b\np,1,inf\n", "line 2: b is 'inf'"),
        ("task,a,a\np,1,2\n", "two columns named 'a'"),
        ("task,a,b\np,1,2\np,1,2\n", "two rows named 'p'"),
        ("task,a,b\nMean,1,2\n", "there is no row of scores"),
        ("task,method,score\np,a,1\np,b,1\nq,a,1\n", "'b' has no score on 'q'"),
        (
            "task,method,score,n\np,a,1,5\np,a,1,9\n",
            "a second score of 'a' on 'p'; what do the columns n tell",
        ),
    ],
)
def test_what_is_no_table_is_refused(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError, match=r"t\.csv") as caught:
        read(table(tmp_path, text))
    assert message in str(caught.value)


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read(tmp_path / "absent.csv")
    (tmp_path / "bytes.csv").write_bytes(b"task,a\n\xff,1\n")
    with pytest.raises(DataError, match="not UTF-8"):
        read(tmp_path / "bytes.csv")
    assert is_table(Path("x.CSV"))
    assert not is_table(Path("x.db"))


def test_a_problem_may_be_about_means(tmp_path: Path) -> None:
    found = read(table(tmp_path, "task,a\nmeaning,1\nmean_of_rows,1\naverage,1\nTotal (all),1\n"))
    assert found.problems == ("meaning", "mean_of_rows")


def test_names_are_shown_and_not_obeyed(tmp_path: Path) -> None:
    found = read(table(tmp_path, "task,[red]a[/red],b\x1b[31m\np,1,2\n"))
    assert found.methods == ("[red]a[/red]", "b\\x1b[31m")


def test_one_method_and_one_problem_are_shown_without_a_verdict(tmp_path: Path) -> None:
    alone = summary_of(read(table(tmp_path, "task,a\np,1\n")))
    assert sentences(alone) == ["Only a can be judged, so there is nothing to compare."]
    single = summary_of(read(table(tmp_path, "task,a,b\np,1,0\n")))
    assert single.comparisons[0].verdict == "undecided"
