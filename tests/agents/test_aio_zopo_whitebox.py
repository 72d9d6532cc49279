"""AIO and ZOPO on real white boxes of two architectures, with random weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from toy_white_box import asked, run

pytest.importorskip("peft")
pytest.importorskip("transformers")

from whitebox_kit import white_box

from agents.aio import AIO
from agents.torch_threads import one_thread
from agents.zopo import ZOPO
from mocks.noise import Binomial
from sandbox.budget import Budget
from sandbox.protocol import Agent


class Lengths:
    """Short texts score more than long ones."""

    def __init__(self) -> None:
        from toy_white_box import SPACE

        self.space = SPACE

    def truth(self, candidate: object) -> float:
        return 1.0 / (1.0 + len(str(candidate)) / 100.0)


AGENTS = [
    ZOPO(prompts=12),
    AIO(pairs=2, slots=2, initial=4),
    AIO(parameters="lora", rank=2, pairs=2, slots=2, initial=4, radius=0.5),
    AIO(preset="paper", rank=2, pairs=2, slots=2, initial=4, radius=0.5, demos=2),
]


@pytest.fixture(params=["llama_dir", "gpt2_dir"])
def folder(request: pytest.FixtureRequest) -> Path:
    found: Path = request.getfixturevalue(request.param)
    return found


@contextmanager
def unchanged(box: Any) -> Iterator[None]:
    """Checks that the model answers afterwards as before, to the last bit."""
    before = box.hidden(["a sentence", "another"])
    yield
    assert (box.hidden(["a sentence", "another"]) == before).all()


@pytest.mark.slow
@pytest.mark.parametrize("agent", AGENTS, ids=["zopo", "aio-soft", "aio-lora", "aio-paper"])
def test_agents_play_on_real_models_and_leave_them_as_they_were(agent: Agent, folder: Path) -> None:
    box = white_box(folder)
    with one_thread(), unchanged(box):
        one = run(agent, box, budget=Budget(evaluations=9), noises=(Binomial(20),), oracle=Lengths())
    texts = asked(one)
    assert 4 <= len(texts) == len(set(texts)) <= 9
    assert one.recommendation in texts


def test_lora_changes_what_is_written_and_only_then(llama_dir: Path) -> None:
    from agents.engineers import LoraEngineer

    box = white_box(llama_dir)
    with one_thread(), unchanged(box):
        engineer = LoraEngineer(box, 4, 0)
        far = engineer.origin + np.random.default_rng(0).standard_normal(len(engineer.origin))
        same, moved = engineer.write([engineer.origin, far], "Input: 1", 0.0, 0)
        assert same == box.decode(None, "Input: 1")[0] != moved


@pytest.mark.slow
def test_what_a_run_may_spend_on_the_white_box_is_not_exceeded(llama_dir: Path) -> None:
    from sandbox.budget import Ledger, Meter
    from sandbox.whitebox.lending import Lending, digest_of_folder

    lending = Lending(str(llama_dir), digest_of_folder(llama_dir), "cpu")
    for agent in AGENTS:
        ledger = Ledger(Budget(whitebox_tokens=3_000))
        with one_thread():
            run(agent, lending.lend(Meter(ledger)), budget=Budget(evaluations=500), oracle=Lengths())
        assert 0 < ledger.spent.whitebox_tokens <= 3_000
