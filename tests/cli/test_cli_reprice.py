"""`sandbox reprice` as a person uses it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from click.testing import Result

Here = Callable[..., Result]
QUICK = ["run", "quickstart", "--agents", "random,ucb", "--seeds", "2", "--budget", "evaluations=20"]
QUICK += ["--engine", "inline"]


def test_a_repriced_store_is_the_one_that_playing_gives_and_goes_on(here: Here, sandbox: Here) -> None:
    here(*QUICK)
    done = sandbox("reprice", "quickstart.db", "--model", "gpt-4.1", "--workers", "2", "-o", "new.db")
    assert "12 runs under service.limits.concurrency=2, gpt-4.1 at 2.00/8.00 USD" in done.stderr
    assert "re-priced: from stored records, not played" in done.stdout
    changes = [
        "service.prices.prompt='2.00'",
        "service.prices.completion='8.00'",
        "service.limits.concurrency=2",
    ]
    settings = [part for change in changes for part in ("--set", change)]
    again = here(*QUICK, *settings, "--out", "new.db")
    assert again.stderr.startswith("all 12 matches are in new.db already")
    here(*QUICK, *settings, "--out", "played.db")
    for what in ("records", "steps"):
        tables = [here("export", store, "--what", what).stdout for store in ("new.db", "played.db")]
        assert tables[0] == tables[1]
    left, right = [json.loads(here("show", store, "--json").stdout) for store in ("new.db", "played.db")]
    for one in left + right:
        del one["caveats"]
    assert left == right
    assert (
        left[0]["spent"]["usd"]
        > json.loads(here("show", "quickstart.db", "--json").stdout)[0]["spent"]["usd"]
    )


def test_a_price_file_of_ones_own_and_a_law_of_latency(here: Here) -> None:
    here(*QUICK)
    Path("prices.toml").write_text('[models]\nmine = { input = "100", output = "0" }\n')
    options = ["--model", "mine", "--prices", "prices.toml", "--latency", "median=9,sigma=0,tail=0", "--json"]
    (found,) = json.loads(here("reprice", "quickstart.db", *options, "-o", "new.db").stdout)
    assert found["spent"]["usd"] == found["spent"]["prompt_tokens"] / 10_000
    assert found["spent"]["seconds"] >= 12 * 20 * 9 / 4


def test_what_cannot_be_repriced_says_why_and_writes_nothing(here: Here) -> None:
    here(*QUICK[:-4], "--budget", "evaluations=20,usd=1", "--engine", "inline")
    before = sorted(Path().iterdir())
    for options, word in (
        (["--model", "gpt-4.1"], "its budget limits usd"),
        (["--model", "gpt-4.l"], "did you mean gpt-4.1?"),
        (["--set", "problem.oracle='trap'"], "sandbox run plays it again"),
        (["--latency", "medium=2"], "did you mean median?"),
        ([], "say what is to be different"),
    ):
        done = here("reprice", "quickstart.db", *options, "-o", "new.db", code=2)
        assert word in done.stderr
    assert (
        "exists already"
        in here("reprice", "quickstart.db", "--workers", "2", "-o", "quickstart.db", code=2).stderr
    )
    assert "no such store" in here("reprice", "absent.db", "--workers", "2", "-o", "new.db", code=2).stderr
    assert sorted(Path().iterdir()) == before


def test_a_leaderboard_lies_along_any_axis(here: Here, sandbox: Here) -> None:
    here(*QUICK)
    shown = sandbox("show", "quickstart.db", "--axis", "usd").stdout
    assert "At equal USD: way to the optimum (mean rank)" in shown
    for axis in ("evaluations", "tokens", "usd", "seconds"):
        (found,) = json.loads(here("show", "quickstart.db", "--axis", axis, "--json").stdout)
        assert found["axis"] == axis
        assert found["leaderboard"][0]["cost_to_target"][0]["currency"] == axis
        assert set(found["at_equal_spending"]["agents"]) == {"random", "ucb"}
    assert "did you mean seconds?" in here("show", "quickstart.db", "--axis", "second", code=2).stderr
    assert "nothing of it was spent" in here("show", "quickstart.db", "--axis", "completions", code=2).stderr
