"""gepa.optimize as its users call it: models by name, through litellm, at the address of the endpoint."""

from __future__ import annotations

from typing import Any

import pytest
from served import MODEL, Served, serving, truth

from scenarios.tasks import make

DATA = make("antonyms", seed=7, train=15, dev=15, test=60)
POOR = "Do something with the word."


def _optimize(models: Any, calls: int = 150) -> Any:
    import gepa

    def examples(rows: Any) -> list[Any]:
        return [{"input": row.input, "answer": row.answers[0], "additional_context": {}} for row in rows]

    return gepa.optimize(
        seed_candidate={"system_prompt": POOR},
        trainset=examples(DATA.train),
        valset=examples(DATA.dev),
        task_lm=models,
        reflection_lm=models,
        max_metric_calls=calls,
        display_progress_bar=False,
    )


def _truth(prompt: str) -> float:
    """As gepa's own evaluator judges: the answer is somewhere in the text."""
    return truth(
        lambda text: (("system", prompt), ("user", text)),
        str,
        DATA.test,
        lambda told, answers: float(answers[0] in told),
    )


def _at(served: Served, monkeypatch: pytest.MonkeyPatch) -> str:
    """The model's name, once the usual variables say where it is."""
    monkeypatch.setenv("OPENAI_BASE_URL", served.url)
    monkeypatch.setenv("OPENAI_API_KEY", served.key)
    return f"openai/{MODEL}"


def test_gepa_finds_a_better_prompt_by_model_names_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as served:
        result = _optimize(_at(served, monkeypatch))
        books = served.check()
    assert served.model.jobs["rewrite"] >= 1
    assert books["calls"] == served.model.jobs["rewrite"] + result.total_metric_calls
    best = result.best_candidate["system_prompt"]
    served.tell("gepa", _truth(POOR), _truth(best), best)
    assert _truth(best) > _truth(POOR) + 0.2


def test_gepa_counts_the_tokens_and_the_money_that_the_ledger_counts() -> None:
    from gepa.lm import LM

    with serving() as served:
        model = LM(f"openai/{MODEL}", api_base=served.url, api_key=served.key)
        result = _optimize(model, calls=40)
        books = served.check()
    spent = books["spent"]
    assert books["calls"] > result.total_metric_calls
    assert (model.total_tokens_in, model.total_tokens_out) == (
        spent["prompt_tokens"],
        spent["completion_tokens"],
    )
    assert model.total_cost == pytest.approx(spent["usd"], rel=0.01)


def test_gepa_stops_at_a_spent_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    with serving("completions=50") as served:
        with pytest.raises(AttributeError, match="RateLimitError"):  # gepa's own words for it
            _optimize(_at(served, monkeypatch))
        assert served.check()["calls"] == 50
