"""InstructZero and random soft prompts on real white boxes of two architectures, with random weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from steered import Graded, play, task

pytest.importorskip("transformers")

from whitebox_kit import white_box

from agents.instructzero import InstructZero
from agents.random_soft_prompt import RandomSoftPrompt
from agents.torch_threads import one_thread
from sandbox.protocol import Agent

AGENTS = [
    RandomSoftPrompt(max_tokens=8, batch=6),
    InstructZero(max_tokens=8, near=0),
    InstructZero(max_tokens=8, mode="faithful"),
]


@pytest.mark.parametrize("agent", AGENTS, ids=["random", "repaired", "faithful"])
@pytest.mark.parametrize("folder", ["llama_dir", "gpt2_dir"])
def test_they_play_on_real_models(agent: Agent, folder: str, request: pytest.FixtureRequest) -> None:
    found: Path = request.getfixturevalue(folder)
    with one_thread():
        story = play(agent.plan(task(white_box(found), 12), np.random.default_rng(0)), Graded(), 12)
    texts = [text for text, _ in story.asked]
    assert 0 < len(texts) == len(set(texts)) <= 12
    assert story.final in texts
