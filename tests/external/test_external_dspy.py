"""dspy's programs and optimizers with its own client, at the address of the endpoint."""

from __future__ import annotations

import math
from typing import Any

import pytest
from served import MODEL, Served, serving, truth

from scenarios.tasks import make

DATA = make("antonyms", seed=7, train=15, dev=15, test=60)
POOR = {
    "MIPROv2": "Do something with the word.",
    "COPRO": "Give a synonym or an antonym.",  # it shows its writer no examples, so this must hint
    "GEPA": "Do something with the word.",
}


def _model(served: Served) -> Any:
    import dspy
    from dspy.clients.base_lm import GLOBAL_HISTORY

    GLOBAL_HISTORY.clear()
    return dspy.LM(f"openai/{MODEL}", api_base=served.url, api_key=served.key, cache=False)


def _program(instruction: str) -> Any:
    import dspy

    return dspy.Predict(dspy.Signature("word -> answer", instruction))


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
            return optimizer.compile(_program(POOR[name]), trainset=train, eval_kwargs={"num_threads": 2})
        if name == "MIPROv2":
            optimizer = dspy.MIPROv2(metric=_metric, auto="light", num_threads=2, seed=1)
            return optimizer.compile(_program(POOR[name]), trainset=train, valset=val)
        optimizer = dspy.GEPA(
            metric=feedback, max_metric_calls=150, reflection_lm=model, num_threads=2, seed=1
        )
        return optimizer.compile(_program(POOR[name]), trainset=train, valset=val)


def _usd() -> float:
    """What the client itself thinks that it has spent, all copies of the model together."""
    from dspy.clients.base_lm import GLOBAL_HISTORY

    return math.fsum([entry["cost"] for entry in GLOBAL_HISTORY])


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
            program = _program("Write the opposite of the word.")
            told = [program(word=row.input).answer for row in DATA.test]
        books = served.check()
    right = sum(DATA.score(text, row.answers) for text, row in zip(told, DATA.test, strict=True))
    assert right >= 0.5 * len(told)
    assert books["calls"] == len(model.history)
    assert _usd() == pytest.approx(books["spent"]["usd"], rel=0.01)


@pytest.mark.parametrize("name", list(POOR))
def test_optimizers_of_dspy_find_better_programs(name: str) -> None:
    with serving() as served:
        model = _model(served)
        best = _compile(name, model)
        books = served.check()
    assert _usd() == pytest.approx(books["spent"]["usd"], rel=0.01)
    before, after = _truth(_program(POOR[name])), _truth(best)
    served.tell(name, before, after, f"{best.signature.instructions!r} {len(best.demos)} demos")
    assert after > before


@pytest.mark.parametrize("name", list(POOR))
def test_optimizers_of_dspy_stop_at_a_spent_budget(name: str) -> None:
    with serving("completions=50") as served:
        model = _model(served)
        if name == "COPRO":  # too many errors stop it; the others take a failed row for a wrong one
            with pytest.raises(Exception, match="cancelled due to errors"):
                _compile(name, model)
        else:
            assert _compile(name, model).signature.instructions
        assert served.check()["calls"] == 50
