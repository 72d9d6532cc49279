"""promptolution's optimizers through its own API client, at the address of the endpoint."""

from __future__ import annotations

import random
from typing import Any

import pytest
from served import MODEL, Served, serving, truth

from scenarios.tasks import make

DATA = make("sentiment", seed=7, train=40, dev=10, test=40)
CLASSES = ["negative", "positive"]
VAGUE = ["Judge the text.", "What is it?", "Say something about it.", "How does it sound?", "Look at this."]
MIXED = [
    "Judge the text.",
    "How does it sound?",
    "Say if the review is good or bad.",
    "Classify the sentiment of the text.",
    "Look at this.",
]
SEEDS = {"CAPO": VAGUE, "OPRO": VAGUE, "EvoPromptGA": MIXED, "EvoPromptDE": MIXED}
"""The two EvoPrompts see no rows: what no seed says they cannot find, but they can recombine the best."""
SYSTEM = "You are a helpful assistant."
OPTIONS: dict[str, dict[str, Any]] = {
    "CAPO": {"crossovers_per_iter": 2, "upper_shots": 2},
    "EvoPromptGA": {},
    "EvoPromptDE": {},
    "OPRO": {"num_instructions_per_step": 3},
}
RUNS = 3
"""Each chooses on 40 rows, so one run may well take a worse prompt for a better one."""


def _optimizer(name: str, served: Served, seed: int = 1) -> Any:
    import numpy
    import pandas
    from promptolution import optimizers
    from promptolution.llms import APILLM
    from promptolution.predictors import FirstOccurrencePredictor
    from promptolution.tasks import ClassificationTask

    random.seed(seed)
    numpy.random.seed(seed)  # noqa: NPY002 -- the package draws from the global stream
    llm = APILLM(api_url=served.url, model_id=MODEL, api_key=served.key, max_retries=0)
    rows = DATA.train
    frame = pandas.DataFrame({"x": [row.input for row in rows], "y": [row.answers[0] for row in rows]})
    strategy = {"eval_strategy": "sequential_block", "n_subsamples": 12} if name == "CAPO" else {}
    task = ClassificationTask(frame, task_description="Judge film reviews.", **strategy)
    return getattr(optimizers, name)(
        predictor=FirstOccurrencePredictor(llm, classes=CLASSES),
        task=task,
        meta_llm=llm,
        initial_prompts=list(SEEDS[name]),
        **OPTIONS[name],
    )


def _truth(prompt: str) -> float:
    """As its predictor reads answers: the first label in the text, or else the first of all labels."""

    def read(told: str) -> str:
        words = ["".join(filter(str.isalnum, word)).lower() for word in told.split()]
        return next((word for word in words if word in CLASSES), CLASSES[0])

    return truth(
        lambda text: (("system", SYSTEM), ("user", f"{prompt}\n{text}")), read, DATA.test, DATA.score
    )


@pytest.mark.parametrize("name", list(OPTIONS))
def test_optimizers_of_promptolution_find_better_prompts(name: str) -> None:
    seeds, after = [_truth(seed) for seed in SEEDS[name]], []
    for seed in range(1, RUNS + 1):
        with serving() as served:
            found = [str(prompt) for prompt in _optimizer(name, served, seed).optimize(n_steps=4)]
            served.check()
        after.append(_truth(found[0]))
        served.tell(name, max(seeds), after[-1], found[0])
    if SEEDS[name] is VAGUE:
        assert sum(after) / RUNS > max(seeds) + 0.03
    else:
        assert sum(after) / RUNS > sum(seeds) / len(seeds) + 0.05
        assert max(after) >= max(seeds) - 0.02


@pytest.mark.parametrize("name", list(OPTIONS))
def test_optimizers_of_promptolution_stop_at_a_spent_budget(name: str) -> None:
    with serving("completions=50") as served:
        optimizer = _optimizer(name, served)
        if name == "CAPO":  # its first evaluation is a part of its first step
            optimizer.optimize(n_steps=3)
        else:
            with pytest.raises(RuntimeError, match="budget of this key is spent"):
                optimizer.optimize(n_steps=3)
        assert served.check()["calls"] == 50
    with serving("completions=230") as served:  # after the first evaluation they stop by themselves
        assert _optimizer(name, served).optimize(n_steps=20)
        assert served.check()["calls"] == 230
