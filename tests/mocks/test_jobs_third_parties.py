"""Unmodified optimizers of others get answers from the mock model that their own parsers accept."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from mocks.llm.jobs import recognise
from mocks.llm.jobs.sense import meant
from mocks.llm.model import MockModel
from sandbox.chat import ChatCall
from scenarios.tasks import make

DATA = make("antonyms", seed=7, train=40, dev=40, test=10)
POOR = "Do something with the word."
SEEDS = [POOR, "Say a word.", "Write a related word.", "Give another word for it.", "What is it not?"]


class Recorder:
    """A mock model that is asked by text, and remembers what for."""

    def __init__(self, persona: str = "mock-large") -> None:
        self.model = MockModel(persona)
        self.jobs: Counter[str] = Counter()
        self.asked: Counter[Any] = Counter()

    def chat(self, messages: tuple[tuple[str, str], ...]) -> str:
        """One answer; the same question again gets the next one."""
        job = recognise(messages)
        self.jobs["" if job is None else job.kind] += 1
        self.asked[messages] += 1
        return self.model.answer(ChatCall(messages), self.asked[messages]).choices[0].text

    def text(self, prompt: str) -> str:
        return self.chat((("user", prompt),))


def understood(text: str) -> bool:
    found = meant(text)
    return bool(found) and found[0][0] == "antonyms"


def test_gepa_climbs_by_reflection() -> None:
    gepa = pytest.importorskip("gepa", reason="pip install gepa to run gepa's own loop")
    recorder = Recorder()

    class Adapter:
        propose_new_texts = None

        def evaluate(self, batch: list[Any], candidate: dict[str, str], capture_traces: bool = False) -> Any:
            told = [
                recorder.text(f"Instruction: {candidate['p']}\n\nInput: {row.input}\nOutput:")
                for row in batch
            ]
            scores = [DATA.score(text, row.answers) for text, row in zip(told, batch, strict=True)]
            traces = list(zip(batch, told, scores, strict=True)) if capture_traces else None
            return gepa.EvaluationBatch(outputs=told, scores=scores, trajectories=traces)

        def make_reflective_dataset(self, candidate: Any, batch: Any, components: list[str]) -> Any:
            records = [
                {
                    "Inputs": row.input,
                    "Generated Outputs": told,
                    "Feedback": "Correct." if score else f"Wrong. The correct answer is '{row.answers[0]}'.",
                }
                for row, told, score in batch.trajectories
            ]
            return {components[0]: records}

    result = gepa.optimize(
        seed_candidate={"p": POOR},
        trainset=list(DATA.train[:12]),
        valset=list(DATA.dev[:15]),
        adapter=Adapter(),
        reflection_lm=recorder.text,
        max_metric_calls=150,
        display_progress_bar=False,
    )
    assert recorder.jobs["rewrite"] >= 1
    assert set(recorder.jobs) <= {"", "rewrite"}
    assert result.best_candidate["p"] != POOR
    assert understood(result.best_candidate["p"])
    assert max(result.val_aggregate_scores) > result.val_aggregate_scores[0] + 0.3


@pytest.mark.parametrize(
    ("name", "options", "jobs"),
    [
        ("EvoPromptGA", {}, {"cross"}),
        ("EvoPromptDE", {}, {"cross"}),
        ("OPRO", {"num_instructions_per_step": 3}, {"propose"}),
        (
            "CAPO",
            {"crossovers_per_iter": 2, "upper_shots": 2, "create_fs_reasoning": False},
            {"cross", "paraphrase"},
        ),
    ],
)
def test_optimizers_of_promptolution_make_new_prompts(
    name: str, options: dict[str, Any], jobs: set[str]
) -> None:
    pytest.importorskip("promptolution", reason="pip install promptolution to run its optimizers")
    import numpy
    import pandas
    from promptolution import optimizers
    from promptolution.llms.base_llm import BaseLLM
    from promptolution.predictors import FirstOccurrencePredictor
    from promptolution.tasks import ClassificationTask

    random.seed(1)
    numpy.random.seed(1)  # noqa: NPY002 -- the package draws from the global stream
    data = make("sentiment", seed=7, train=30, dev=30, test=10)
    recorder = Recorder()

    class Llm(BaseLLM):
        def _get_response(self, prompts: list[str], system_prompts: list[str]) -> list[str]:
            return [recorder.text(prompt) for prompt in prompts]

    llm = Llm()
    rows = data.train[:30]
    frame = pandas.DataFrame({"x": [row.input for row in rows], "y": [row.answers[0] for row in rows]})
    strategy = {"eval_strategy": "sequential_block", "n_subsamples": 10} if name == "CAPO" else {}
    task = ClassificationTask(frame, task_description="Judge film reviews.", **strategy)
    predictor = FirstOccurrencePredictor(llm, classes=["negative", "positive"])
    seeds = [
        "Judge the text.",
        "Read the review.",
        "Positive or negative?",
        "Say what the writer felt.",
        "Rate it.",
    ]
    optimizer = getattr(optimizers, name)(
        predictor=predictor, task=task, meta_llm=llm, initial_prompts=list(seeds), **options
    )
    found = [str(getattr(prompt, "instruction", prompt)) for prompt in optimizer.optimize(n_steps=3)]
    made = {kind for kind in recorder.jobs if kind}
    assert made >= jobs
    assert made <= jobs | {"mutate"}
    assert any(prompt not in seeds for prompt in found)
    assert not any("<prompt>" in prompt or not prompt.strip() for prompt in found)


@pytest.fixture
def dspy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DSPY_CACHEDIR", str(tmp_path))
    monkeypatch.setenv("LITELLM_LOCAL_MODEL_COST_MAP", "True")
    package = pytest.importorskip("dspy", reason="pip install dspy to run its optimizers")
    if not hasattr(package, "lm15"):
        pytest.skip("this dspy has no engines; 3.4 has")
    return package


def dspy_model(dspy: Any, recorder: Recorder) -> Any:
    lm15 = dspy.lm15

    def plain(parts: Any) -> str:
        return parts if isinstance(parts, str) else "".join(getattr(part, "text", "") for part in parts or ())

    class Engine:
        def complete(self, request: Any) -> Any:
            turns = [("system", plain(request.system))] if request.system else []
            turns += [(message.role, plain(message.parts)) for message in request.messages]
            told = lm15.Message("assistant", (lm15.TextPart(recorder.chat(tuple(turns))),))
            return lm15.Response(None, request.model, told, "stop", lm15.Usage())

    return dspy.LM("mock/engine", engine=Engine(), cache=False, num_retries=0)


@pytest.mark.parametrize("name", ["COPRO", "MIPROv2", "GEPA"])
def test_optimizers_of_dspy_get_proposals_that_they_can_read(dspy: Any, name: str) -> None:
    if name == "MIPROv2":
        pytest.importorskip("optuna", reason="MIPROv2 needs optuna")
    recorder = Recorder()
    model = dspy_model(dspy, recorder)

    def examples(rows: Any) -> list[Any]:
        return [dspy.Example(word=row.input, answer=row.answers[0]).with_inputs("word") for row in rows]

    def metric(example: Any, told: Any, *_: Any) -> float:
        return DATA.score(told.answer, (example.answer,))

    def feedback(example: Any, told: Any, *_: Any) -> Any:
        score = metric(example, told)
        return dspy.Prediction(score=score, feedback=f"The right answer is {example.answer}.")

    train, val = examples(DATA.train[:15]), examples(DATA.dev[:15])
    program = dspy.Predict(dspy.Signature("word -> answer", POOR))
    with dspy.context(lm=model):
        if name == "COPRO":
            optimizer = dspy.COPRO(metric=metric, breadth=4, depth=2)
            best = optimizer.compile(program, trainset=train, eval_kwargs={"num_threads": 1})
        elif name == "MIPROv2":
            optimizer = dspy.MIPROv2(metric=metric, auto="light", num_threads=1, seed=1)
            best = optimizer.compile(program, trainset=train, valset=val)
        else:
            optimizer = dspy.GEPA(
                metric=feedback, max_metric_calls=150, reflection_lm=model, num_threads=1, seed=1
            )
            best = optimizer.compile(program, trainset=train, valset=val)
    told = best.signature.instructions
    asked = {"COPRO": {"rewrite", "propose"}, "MIPROv2": {"describe", "induce"}, "GEPA": {"rewrite"}}[name]
    assert set(recorder.jobs) >= asked
    assert "[[" not in told
    if name != "COPRO":  # which shows no examples, so that nobody could guess the task
        assert understood(told)
