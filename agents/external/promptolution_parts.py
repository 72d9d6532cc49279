"""The parts of promptolution that its users write: model, predictor, task; here they ask the sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from agents.external.line import Line
from agents.external.packages import load
from sandbox.protocol import Complete

_TOKENS = 1000


class Parts:
    """Makes them for one run."""

    def __init__(self, agent: str, line: Line, temperature: float) -> None:
        self.line = line
        self.rows = line.task.dev_rows
        self._agent, self._temperature = agent, temperature
        self._pandas = load(agent, "pandas")
        # By the text under which the package knows a row. It takes equal texts for one row, and leaves the
        # answers where they were, so that they shift: numbers differ.
        self._row = {str(row): row for row in range(self.rows)}
        self._answer = dict.fromkeys(self._row, "")

    def learn_rows(self, text: str) -> None:
        """Know the rows by their inputs, from an evaluation of a text; of equal inputs the first is meant."""
        ((*results,),) = self.line.score([text], [range(self.rows)])
        self._row, self._answer = {}, {}
        for result in results:
            self._row.setdefault(result.input, result.row)
            self._answer.setdefault(result.input, result.expected)

    def demos(self) -> Any:
        """The task's worked examples, as a frame with the columns x and y."""
        return self._pandas.DataFrame(list(self.line.task.demos), columns=["x", "y"])

    def common(self, prompts: Sequence[str], block: int | None = None) -> dict[str, Any]:
        """What every optimizer wants.

        Args:
            prompts: to begin with.
            block: rows of a block, where not all rows are asked at once.
        """
        model = self._model()
        return {
            "predictor": self._predictor(model),
            "task": self._task(block),
            "meta_llm": model,
            "initial_prompts": list(prompts),
            "callbacks": [self._callback()] if block else [],
        }

    def _model(self) -> Any:
        line, temperature = self.line, self._temperature

        class Model(load(self._agent, "promptolution.llms.base_llm").BaseLLM):  # type: ignore[misc]
            def _get_response(self, prompts: list[str], system_prompts: list[str]) -> list[str]:
                asked = [
                    Complete((("system", system), ("user", prompt)), 1, temperature, _TOKENS)
                    for system, prompt in zip(system_prompts, prompts, strict=True)
                ]
                return [texts[0] for texts in line.write(asked)]

        return Model()

    def _predictor(self, model: Any) -> Any:
        line, row_of = self.line, self._row

        class Predictor(load(self._agent, "promptolution.predictors.base_predictor").BasePredictor):  # type: ignore[misc]
            """Its predictions are whole results, which the task below takes the scores from."""

            def predict(self, prompts: Any, xs: list[str], system_prompts: Any = None) -> Any:
                rows: dict[str, list[int]] = {}
                for prompt, x in zip(prompts, xs, strict=True):
                    rows.setdefault(prompt, []).append(row_of[x])
                found = {
                    (prompt, result.row): result
                    for prompt, seen in zip(rows, line.score(list(rows), list(rows.values())), strict=True)
                    for result in seen
                }
                results = [found[prompt, row_of[x]] for prompt, x in zip(prompts, xs, strict=True)]
                return results, [f"{x}\n{result.answer}" for x, result in zip(xs, results, strict=True)]

            def _extract_preds(self, preds: list[str]) -> list[str]:
                return preds

        return Predictor(model)

    def _task(self, block: int | None) -> Any:
        class Rows(load(self._agent, "promptolution.tasks.base_task").BaseTask):  # type: ignore[misc]
            def _evaluate(self, xs: list[str], ys: list[str], preds: list[Any]) -> Any:
                return np.array([result.score for result in preds], dtype=float)

        frame = self._pandas.DataFrame({"x": list(self._row), "y": [self._answer[x] for x in self._row]})
        task = Rows(
            frame, "x", "y", self.line.task.description,
            n_subsamples=block or len(frame), eval_strategy="sequential_block" if block else "full",
        )  # fmt: skip
        task.task_type = "classification"  # it only asks whether there are several objectives
        return task

    def _callback(self) -> Any:
        line = self.line

        class Leader(load(self._agent, "promptolution.utils.callbacks").BaseCallback):  # type: ignore[misc]
            def on_step_end(self, optimizer: Any) -> bool:
                line.keep(str(optimizer.prompts[0]))
                return True

        return Leader()
