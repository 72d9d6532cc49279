"""`sandbox report` as a person uses it: a file, one line about it, and one line about each mistake."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import Result

Here = Callable[..., Result]
QUICK = ["run", "quickstart", "--agents", "random,ucb", "--seeds", "2", "--budget", "evaluations=20"]


def test_a_store_becomes_a_page(here: Here, folder: Path) -> None:
    here(*QUICK, "--engine", "inline")
    said = here("report", "quickstart.db").output
    assert said.startswith("quickstart.html: 0.")
    page = (folder / "quickstart.html").read_text(encoding="utf-8")
    assert page.startswith("<!DOCTYPE html>")
    assert "200 evaluations" not in page
    assert "<b>20 evaluations</b> a run" in page
    here("report", "quickstart.db", "-o", "again.html")
    assert (folder / "again.html").read_bytes() == (folder / "quickstart.html").read_bytes()
    here("report", "quickstart.db", "-o", "mine.html", "--title", "Mine & <yours>", "--agents", "ucb")
    mine = (folder / "mine.html").read_text(encoding="utf-8")
    assert "<title>Mine &amp; &lt;yours&gt;</title>" in mine
    assert "Only ucb can be judged" in mine


def test_a_published_table_becomes_a_page(here: Here, folder: Path, shared_data: Path) -> None:
    table = shared_data / "published" / "induction30-test-accuracy.csv"
    here("report", str(table), "-o", "table.html")
    page = (folder / "table.html").read_text(encoding="utf-8")
    assert "no pair of them survives Holm&#39;s correction." in page
    for figure in ("0.621", "0.673", "0.680", "0.611", "3.20", "2.82", "2.52", "3.57", "2.90"):
        assert f">{figure}<" in page, figure


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["none.db"], "none.db: no such store"),
        (["none.csv"], "none.csv: No such file"),
        (["store.db", "-o", "."], "a folder; name a file"),
        (["store.db", "-o", "store.db"], "that is the store itself"),
        (["store.db", "-o", "no/such/folder/r.html"], "cannot be written"),
        (["store.db", "--agents", "ucp"], "holds no runs of 'ucp'; did you mean ucb?"),
        (["text.db"], "not a store of this program"),
        (["table.csv", "--agents", "a"], "this is a table"),
    ],
)
def test_a_mistake_is_one_line(here: Here, folder: Path, arguments: list[str], words: str) -> None:
    here(*QUICK, "--engine", "inline", "--out", "store.db")
    (folder / "text.db").write_text("no database at all, whatever the name says" * 100)
    (folder / "table.csv").write_text("task,a,b\nx,0.1,0.2\n")
    said = here("report", *arguments, code=2).output
    assert words in said
    assert said.count("\n") == 1
    assert not list(folder.glob("*.part"))
