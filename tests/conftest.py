"""Fixtures that tests of several packages share."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

# Test workers have a core each; threads of several would wait for each other. Before torch is imported.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

if (
    threading.current_thread() is threading.main_thread()
    and signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):
    # What a script runs in the background ignores Ctrl-C, and so would every program that a test starts.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# In CI one commit must always give one verdict; at home hypothesis looks for new cases each time.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.register_profile("home", deadline=None)
settings.load_profile("ci" if os.environ.get("CI") else "home")


@pytest.fixture(scope="session")
def llama_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama in the format of Hugging Face; see whitebox_kit."""
    pytest.importorskip("transformers")
    from whitebox_kit import make_llama

    return make_llama(tmp_path_factory.mktemp("llama") / "tiny-llama")


@pytest.fixture(scope="session")
def gpt2_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny GPT-2 in the format of Hugging Face; see whitebox_kit."""
    pytest.importorskip("transformers")
    from whitebox_kit import make_gpt2

    return make_gpt2(tmp_path_factory.mktemp("gpt2") / "tiny-gpt2")


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data: `SANDBOX_DATA`, or `shared/data` beside the project."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SANDBOX_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"the real data are not here: no folder {folder}; set SANDBOX_DATA")
    return folder
