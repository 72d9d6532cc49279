"""dspy's programs and optimizers with its own client, at the address of the endpoint."""

from __future__ import annotations

from typing import Any

import pytest
from served import MODEL, Served, serving, truth

from scenarios.tasks import make

DATA = make("antonyms", seed=7, train=15, dev=15, test=60)
POOR = "Do something with the word."
OPTIMIZERS = ("MIPROv2", "COPRO", "GEPA")


def _model(served: Served) -> Any:
    import dspy

    return dspy.LM(f"openai/{MODEL}", api_base=served.url, api_key=served.key, cache=False)


def _program() -> Any:
    import dspy

    return dspy.Predict(dspy.Signature("word -> answer", POOR))


def _metric(example: Any, told: Any, *_: Any) -> float:
    return DATA.score(told.answer, (example.answer,))


def _compile(name: str, model: Any) -> Any:
    import dspy

    def examples(rows: Any) -> list[Any]:
        return [dspy.Example(word=row.input, answer=row.answers[0]).with_inputs("word") for row in rows]

    def feedback(example: Any, told: Any, *_: Any) -> Any:
        return dspy.Prediction(
            score=_metric(example, told), feedback=f"The right answer is {example.answer}."
        )

    train, val = examples(DATA.train), examples(DATA.dev)
    with dspy.context(lm=model):
        if name == "COPRO":
            optimizer = dspy.COPRO(metric=_metric, breadth=4, depth=3)
            return optimizer.compile(_program(), trainset=train, eval_kwargs={"num_threads": 2})
        if name == "MIPROv2":
            optimizer = dspy.MIPROv2(metric=_metric, auto="light", num_threads=2, seed=1)
            return optimizer.compile(_program(), trainset=train, valset=val)
        optimizer = dspy.GEPA(
            metric=feedback, max_metric_calls=150, reflection_lm=model, num_threads=2, seed=1
        )
        return optimizer.compile(_program(), trainset=train, valset=val)


def _truth(program: Any) -> float:
    """Of the program as it is: its instruction, its demonstrations, dspy's own form around them."""
    import dspy

    adapter = dspy.ChatAdapter()

    def ask(text: str) -> Any:
        turns = adapter.format(program.signature, program.demos, {"word": text})
        return tuple((turn["role"], turn["content"]) for turn in turns)

    def read(told: str) -> str:
        try:
            return str(adapter.parse(program.signature, told)["answer"])
        except Exception:  # dspy would ask again
            return ""

    return truth(ask, read, DATA.test, DATA.score)


def test_a_program_of_dspy_is_answered_in_its_own_form() -> None:
    import dspy

    with serving() as served:
        model = _model(served)
        with dspy.context(lm=model):
            program = dspy.Predict(dspy.Signature("word -> answer", "Write the opposite of the word."))
            told = [program(word=row.input).answer for row in DATA.test[:20]]
        books = served.check()
    right = sum(DATA.score(text, row.answers) for text, row in zip(told, DATA.test, strict=False))
    assert right >= 12
    assert books["calls"] == len(model.history)
    usd = sum(entry["cost"] for entry in model.history)
    assert usd == pytest.approx(books["spent"]["usd"], rel=0.01)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_of_dspy_find_better_programs(name: str) -> None:
    with serving() as served:
        model = _model(served)
        best = _compile(name, model)
        books = served.check()
    usd = sum(entry["cost"] for entry in model.history)
    assert usd == pytest.approx(books["spent"]["usd"], rel=0.01)
    before, after = _truth(_program()), _truth(best)
    served.tell(name, before, after, f"{best.signature.instructions!r} {len(best.demos)} demos")
    assert after >= before


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_optimizers_of_dspy_stop_at_a_spent_budget(name: str) -> None:
    with serving("completions=50") as served:
        try:
            _compile(name, _model(served))
        except Exception as stopped:
            told = str(stopped)
        else:
            told = ""
        books = served.check()
    served.tell(name, 0, 0, told)
    assert books["calls"] == 50
