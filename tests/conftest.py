"""Fixtures that tests of several packages share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data: `SANDBOX_DATA`, or `shared/data` beside the project."""
    beside = Path(__file__).parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SANDBOX_DATA", beside))
    if not folder.is_dir():
        pytest.skip(f"the real data are not here: no folder {folder}; set SANDBOX_DATA")
    return folder
