"""promptolution's optimizers through its own API client, at the address of the endpoint."""

from __future__ import annotations

import random
from typing import Any

import pytest
from served import MODEL, Served, serving, truth

from scenarios.tasks import make

DATA = make("sentiment", seed=7, train=40, dev=10, test=40)
CLASSES = ["negative", "positive"]
SEEDS = [
    "Read the text.",
    "Say something about it.",
    "Look at the following and answer.",
    "What do you think of this?",
    "Here is a text.",
]
SYSTEM = "You are a helpful assistant."
OPTIONS: dict[str, dict[str, Any]] = {
    "CAPO": {"crossovers_per_iter": 2, "upper_shots": 2},
    "EvoPromptGA": {},
    "EvoPromptDE": {},
    "OPRO": {"num_instructions_per_step": 3},
}


def _optimizer(name: str, served: Served) -> Any:
    import numpy
    import pandas
    from promptolution import optimizers
    from promptolution.llms import APILLM
    from promptolution.predictors import FirstOccurrencePredictor
    from promptolution.tasks import ClassificationTask

    random.seed(1)
    numpy.random.seed(1)  # noqa: NPY002 -- the package draws from the global stream
    llm = APILLM(api_url=served.url, model_id=MODEL, api_key=served.key, max_retries=0)
    rows = DATA.train
    frame = pandas.DataFrame({"x": [row.input for row in rows], "y": [row.answers[0] for row in rows]})
    strategy = {"eval_strategy": "sequential_block", "n_subsamples": 12} if name == "CAPO" else {}
    task = ClassificationTask(frame, task_description="Judge film reviews.", **strategy)
    return getattr(optimizers, name)(
        predictor=FirstOccurrencePredictor(llm, classes=CLASSES),
        task=task,
        meta_llm=llm,
        initial_prompts=list(SEEDS),
        **OPTIONS[name],
    )


def _truth(prompt: str) -> float:
    """As its predictor reads answers: the first label in the text, and the first of all where there is none."""

    def read(told: str) -> str:
        words = ["".join(filter(str.isalnum, word)).lower() for word in told.split()]
        return next((word for word in words if word in CLASSES), CLASSES[0])

    return truth(
        lambda text: (("system", SYSTEM), ("user", f"{prompt}\n{text}")), read, DATA.test, DATA.score
    )


@pytest.mark.parametrize("name", list(OPTIONS))
def test_optimizers_of_promptolution_find_better_prompts(name: str) -> None:
    with serving() as served:
        optimizer = _optimizer(name, served)
        found = [str(prompt) for prompt in optimizer.optimize(n_steps=3)]
        served.check()
    before, after = max(map(_truth, SEEDS)), _truth(found[0])
    served.tell(name, before, after, found[0])
    assert after >= before


@pytest.mark.parametrize("name", list(OPTIONS))
def test_optimizers_of_promptolution_stop_at_a_spent_budget(name: str) -> None:
    with serving("completions=50") as served:
        optimizer = _optimizer(name, served)
        with pytest.raises(RuntimeError, match="budget of this key is spent"):  # by the first evaluation
            optimizer.optimize(n_steps=3)
        assert served.check()["calls"] == 50
    with serving("completions=230") as served:  # after it, by themselves
        optimizer = _optimizer(name, served)
        assert optimizer.optimize(n_steps=20)
        assert served.check()["calls"] == 230
