"""What a scenario file may say."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from sandbox.errors import nearest
from sandbox.whitebox.lent import Speed

_SPEED = Speed()


class Strict(BaseModel):
    """Refuses keys it does not know, and names the nearest one it does."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, data: Any) -> Any:
        if isinstance(data, dict):
            for key in data:
                if key not in cls.model_fields:
                    raise ValueError(f"unknown key {key!r}: {nearest(key, cls.model_fields)}")
        return data


class ServiceTable(Strict):
    """Each table holds the fields of the class of that name in `mocks.service` and `sandbox.limits`."""

    latency: dict[str, Any] = {}
    limits: dict[str, Any] = {}
    prices: dict[str, Any] = {}
    faults: dict[str, Any] = {}
    retry: dict[str, Any] = {}


class Common(Strict):
    """What every problem may set for itself; the file's own tables hold where it does not."""

    noise: list[dict[str, Any]] | None = None
    service: ServiceTable | None = None
    rows: Annotated[int, Field(ge=0)] | None = None


class LandscapeProblem(Common):
    """A synthetic oracle."""

    kind: Literal["landscape"] = "landscape"
    name: str | None = None
    oracle: str
    parameters: dict[str, Any] = {}


class RecordedProblems(Common):
    """One problem for each table of measured scores under `--data`."""

    kind: Literal["recorded"]
    model: str = "vicuna-13b"
    include_incorrect: bool = False
    only: list[str] = []


class SurrogateProblems(Common):
    """One problem for each table: a regressor fitted to it scores any text."""

    kind: Literal["surrogate"]
    model: str = "vicuna-13b"
    only: list[str] = []


class SceneProblem(Common):
    """A tiny world of the test kit, as `sandbox check` writes it."""

    kind: Literal["scene"]
    scene: dict[str, Any]
    """See `sandbox.testing.scenes.Scene`."""


class ChatProblems(Common):
    """One problem for each task: its rows are solved by a mock LLM."""

    kind: Literal["chat"]
    tasks: list[str] | str = "induction30"
    """Names, or "induction30", "all" or "held-out"; a generated labelling task is "classification-NUMBER"."""
    count: Annotated[int, Field(ge=1)] | None = None
    """Of the tasks, the first so many; all if it is not said."""
    shots: list[Annotated[int, Field(ge=1)]] = []
    """Labelled rows that agents have in all, as Prompt-MII counts: of each labelling task one problem for
    each of these numbers, with so many train rows as worked examples, and evaluations on the same ones."""
    judge: Literal["mean", "macro-f1", "reward-f1", "table-f1"] = "mean"
    """Whose score is the truth; evaluations are the mean over rows in any case. See `scenarios.judging`."""
    format_line: bool = True
    """Whether the labels of a labelling task stand behind every instruction, as in Prompt-MII."""
    model: str = "mock-gpt-3.5-turbo"
    space: Literal["text", "pool"] = "text"
    pool: Annotated[int, Field(ge=2, le=2000)] = 60
    longest: Annotated[int, Field(ge=1)] = 4000
    train: Annotated[int, Field(ge=1)] = 50
    dev: Annotated[int, Field(ge=1)] = 20
    """Rows that an evaluation scores; `rows` says the same."""
    test: Annotated[int, Field(ge=1)] = 100
    data_seed: int = 0
    temperature: float = 0.0
    max_tokens: int = 48
    cache: bool = True
    completions: bool = True
    """Whether the black box also writes for the agents."""


class WhiteBoxTable(Strict):
    """A local model that the scenario lends to its agents; see `sandbox.whitebox`.

    The seconds are what its work is said to take, on any machine: simulated or live, they pass on the
    agent's clock. The defaults are of the order of the bundled model on one core.
    """

    model: str = "bundled"
    """The folder of a Hugging Face causal LM, from the scenario file's own folder; or one that came along:
    "bundled" writes from soft prompts, "bundled-policy" is the one that Prompt-MII has trained."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """auto is cuda where there is one. The result of a run may differ between devices by rounding."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto is float32 on a CPU and bfloat16 on a GPU."""
    per_call: Annotated[float, Field(ge=0, lt=1e6)] = _SPEED.per_call
    """Seconds of each call, whatever it does."""
    per_prompt_token: Annotated[float, Field(ge=0, lt=1e6)] = _SPEED.per_prompt_token
    """Seconds of each token that is read."""
    per_written_token: Annotated[float, Field(ge=0, lt=1e6)] = _SPEED.per_written_token
    """Seconds of each token that is written."""


class DataTable(Strict):
    """What `--data` must point to."""

    what: str
    where: str


Problems = LandscapeProblem | RecordedProblems | SurrogateProblems | ChatProblems | SceneProblem


class ScenarioFile(Strict):
    """A whole file."""

    description: str
    agents: Annotated[list[str], Field(min_length=1)]
    seeds: Annotated[int, Field(ge=1)] = 10
    budget: Annotated[dict[str, int | float | str], Field(min_length=1)]
    shared: bool = False
    rows: Annotated[int, Field(ge=0)] = 20
    noise: list[dict[str, Any]] = []
    service: ServiceTable = ServiceTable()
    tokens: dict[str, Any] = {}
    data: DataTable | None = None
    white_box: WhiteBoxTable | None = None
    problem: Annotated[
        list[Annotated[Problems, Field(discriminator="kind")]],
        Field(min_length=1),
    ]

    @property
    def measured(self) -> bool:
        """Whether some problem is made of tables of measured scores."""
        return any(isinstance(entry, RecordedProblems | SurrogateProblems) for entry in self.problem)

    @field_validator("problem", mode="before")
    @classmethod
    def _kind_given(cls, problems: Any) -> Any:
        if not isinstance(problems, list):
            return problems
        return [{"kind": "landscape", **p} if isinstance(p, dict) else p for p in problems]
