"""A regressor fitted to a table of measured scores, so that unseen instructions get a score too.

Kernel ridge regression (C. E. Rasmussen and C. K. I. Williams, Gaussian Processes for Machine
Learning, 2006, chapter 2) on the arcsine of the square root of the accuracy, which makes binomial
noise equally large everywhere. With s the n-gram similarity and d the cue distance of two texts
(see `mocks.phrasing`), the kernel is ``s/2 + exp(s - 1 - d/2)/2``: the first half carries what is
common to many instructions to new ones, the second what is special to near ones. The constants are
fixed round numbers, the same for every task and model: nothing is tuned on a table.

``python -m mocks.surrogate --data DIR`` prints how far the surrogates of a folder can be trusted.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from statistics import fmean

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table as RichTable
from scipy.sparse import csr_array

from mocks.fidelity import Fidelity, Floats, folds, judge, samples_behind
from mocks.phrasing import Comparison, Corpus, cues, squared_distances
from mocks.recorded import Table, load_folder, merged
from sandbox.errors import DataError, UsageError, nearest
from sandbox.spaces import Candidate, FreeText
from sandbox.streams import stream

FEWEST_INSTRUCTIONS = 20
"""Distinct instructions below which nothing is fitted: two for each fold."""
FOLDS = 10
_RIDGE = 0.15
"""The share of noise and of what the kernel cannot see, as the kernel's own diagonal is about 1."""
_DECIMALS = 9
"""Scores are rounded to these, so that another machine's linear algebra gives the same numbers."""
_LARGEST_CACHE = 100_000


def _kernel(similarity: Floats, distance: Floats) -> Floats:
    return 0.5 * similarity + 0.5 * np.exp(similarity - 1.0 - 0.5 * distance)


def _solved(kernel: Floats, right: Floats) -> Floats:
    return np.asarray(np.linalg.solve(kernel + _RIDGE * np.eye(len(kernel)), right), dtype=np.float64)


def _to_angle(accuracy: Floats) -> Floats:
    return np.asarray(np.arcsin(np.sqrt(accuracy)), dtype=np.float64)


def _to_accuracy(angle: Floats) -> Floats:
    return np.asarray(np.sin(np.clip(angle, 0.0, np.pi / 2)) ** 2, dtype=np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Surrogate:
    """A fitted surface over all texts."""

    comparison: Comparison = field(repr=False)
    columns: csr_array = field(repr=False)
    """The vectors of the known texts, one column a text, shape (n-grams, texts)."""
    places: Floats = field(repr=False)
    """The standardised cues of the known texts, shape (texts, cues)."""
    duals: Floats = field(repr=False)
    """The weight of each known text, shape (texts,)."""
    middle: float
    """Where the surface goes to far from all known texts, as an angle."""

    @classmethod
    def fitted(cls, texts: Sequence[str], accuracies: Sequence[float]) -> Surrogate:
        """Fit to distinct texts and their accuracies in [0, 1]."""
        corpus, rows = Corpus.of(texts), np.arange(len(texts))
        comparison = Comparison.learnt(corpus, rows)
        vectors, places = comparison.vectors(rows), comparison.standardised(corpus.cues)
        angles = _to_angle(np.asarray(accuracies, dtype=np.float64))
        middle = float(angles.mean())
        kernel = _kernel((vectors @ vectors.T).toarray(), squared_distances(places, places))
        duals = _solved(kernel, angles - middle)
        return cls(comparison, csr_array(vectors.T), places, duals, middle)

    def predict(self, text: str) -> float:
        """The score of a text, in [0, 1]."""
        numbers, values = self.comparison.vector(text)
        similarity = np.asarray(values @ self.columns[numbers], dtype=np.float64)
        place = self.comparison.standardised(np.array([list(cues(text).values())]))
        kernel = _kernel(similarity, squared_distances(place, self.places)[0])
        return round(float(_to_accuracy(self.middle + kernel @ self.duals)), _DECIMALS)


@lru_cache(maxsize=4)
def _held_out_weights(texts: tuple[str, ...]) -> tuple[tuple[tuple[int, ...], Floats], ...]:
    """For each fold its rows, and the weights of the angles of the other rows in their predictions.

    Neither depends on the accuracies, so the models of one table share them. Nothing about a fold's
    texts enters the vocabulary, the frequencies, or the scales with which it is predicted.
    """
    corpus, fold_of = Corpus.of(texts), np.array(folds(texts, FOLDS))
    weights = []
    for fold in range(FOLDS):
        away, held = np.flatnonzero(fold_of != fold), np.flatnonzero(fold_of == fold)
        comparison = Comparison.learnt(corpus, away)
        known, unseen = comparison.vectors(away), comparison.vectors(held)
        places = comparison.standardised(corpus.cues)
        own = _kernel((known @ known.T).toarray(), squared_distances(places[away], places[away]))
        across = _kernel((unseen @ known.T).toarray(), squared_distances(places[held], places[away]))
        solved = _solved(own, across.T).T
        weights.append((tuple(held.tolist()), solved))
    return tuple(weights)


def held_out(texts: Sequence[str], accuracies: Sequence[float]) -> tuple[float, ...]:
    """Each text's score as predicted from the other folds of ten; see `mocks.fidelity.folds`."""
    angles = _to_angle(np.asarray(accuracies, dtype=np.float64))
    predicted = np.empty(len(texts))
    for rows, weights in _held_out_weights(tuple(texts)):
        others = np.delete(angles, rows)
        predicted[list(rows)] = _to_accuracy(others.mean() + weights @ (others - others.mean()))
    return tuple(np.round(predicted, _DECIMALS).tolist())


def fidelity_of(
    table: Table, model: str, include_incorrect: bool = False, samples: int | None = None
) -> Fidelity:
    """How well a surrogate of this table and model predicts instructions that it was not fitted to.

    Ten-fold cross-validation. Repeated instructions count once, with their mean accuracy; the ones
    that differ in white space alone share a fold.

    The arguments are those of `SurrogateOracle.of`.

    Raises:
        DataError: if the table has too few instructions with a score of that model.
    """
    pairs = table.measured(model, include_incorrect)
    scores = _enough(table, model, merged(pairs))
    if samples is None:
        values = (value for column in table.accuracies.values() for value in column)
        samples = samples_behind(value for value in values if value is not None)
    repeats = Counter(text for text, _ in pairs)
    predicted = held_out(tuple(scores), tuple(scores.values()))
    return judge(predicted, tuple(scores.values()), [repeats[text] for text in scores], samples)


def _enough(table: Table, model: str, scores: dict[str, float]) -> dict[str, float]:
    groups = {" ".join(text.split()) for text in scores}
    if len(groups) < FEWEST_INSTRUCTIONS:
        raise DataError(
            f"the table {table.name}: {len(groups)} distinct instructions have a score of {model!r}; "
            f"a surrogate needs at least {FEWEST_INSTRUCTIONS}"
        )
    return scores


@dataclass(frozen=True, slots=True)
class SurrogateOracle:
    """The fitted score of any text, for one task and one model."""

    table: str
    """The name of the table."""
    model: str
    digest: str
    """The SHA-256 of the table's file: what a result must quote to be repeatable."""
    space: FreeText
    """Starts at instructions of the table that are no better than `baseline`."""
    optimum: float
    """The largest score over the instructions of the table: the best known one, and a lower bound
    of the surface's true optimum, as another text may score more."""
    best: str
    """The first instruction of the table that reaches `optimum`."""
    baseline: float
    """The mean score over the distinct instructions of the table."""
    fidelity: Fidelity
    """How well the surface predicts held-out measurements; stands beside every result."""
    surrogate: Surrogate = field(repr=False, compare=False)
    _known: dict[str, float] = field(repr=False, compare=False)

    @classmethod
    def of(
        cls,
        table: Table,
        model: str,
        include_incorrect: bool = False,
        samples: int | None = None,
        starts: int = 8,
    ) -> SurrogateOracle:
        """Fit a surface to one model's scores, and cross-validate it.

        Args:
            table: at least 20 distinct instructions must have a score of the model.
            model: one of `table.models`.
            include_incorrect: whether paraphrases that change the task are fitted too.
            samples: how many samples stand behind one accuracy; None reads it off the table's values.
            starts: how many instructions the space offers to start from, at least one.

        Raises:
            DataError: if the table has too few instructions with a score of that model.
        """
        fidelity = fidelity_of(table, model, include_incorrect, samples)
        measured = merged(table.measured(model, include_incorrect))
        surrogate = Surrogate.fitted(tuple(measured), tuple(measured.values()))
        scores = {text: surrogate.predict(text) for text in measured}
        best = max(scores, key=scores.__getitem__)
        baseline = fmean(scores.values())
        # an agent that started at the top of the table would have nothing left to show
        bar = max(baseline, min(scores.values()))  # a mean of equal numbers may be rounded below them
        modest = [text for text, score in scores.items() if score <= bar]
        order = stream(0, "starts", table.digest, model).permutation(len(modest))
        return cls(
            table=table.name,
            model=model,
            digest=table.digest,
            space=FreeText(
                seeds=tuple(modest[place] for place in order[: max(1, starts)]), words=vocabulary(measured)
            ),
            optimum=scores[best],
            best=best,
            baseline=baseline,
            fidelity=fidelity,
            surrogate=surrogate,
            _known=scores,
        )

    def truth(self, candidate: Candidate) -> float:
        """The fitted score of a text, in [0, 1]; each text is computed once.

        Raises:
            TypeError: if `candidate` is no text; the session refuses such a candidate earlier.
        """
        if not isinstance(candidate, str):
            raise TypeError(f"the surrogate world scores texts, not {candidate!r}")
        score = self._known.get(candidate)
        if score is None:
            if len(self._known) >= _LARGEST_CACHE:
                self._known.clear()
            score = self._known[candidate] = self.surrogate.predict(candidate)
        return score


def vocabulary(texts: Iterable[str]) -> tuple[str, ...]:
    """The words of at least two texts, sorted: with their marks and quotes, and the line end before them.

    The marks are kept as the format of an instruction matters: `A:` on a line of its own is a word.
    """
    texts_with = Counter(word for text in texts for word in set(re.findall(r"\n?\S+", text)))
    return tuple(sorted(word for word, count in texts_with.items() if count >= 2))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the fidelity of the surrogates of a folder; 2 where the folder or the model is wrong."""
    parser = argparse.ArgumentParser(
        prog="python -m mocks.surrogate",
        description="How far the surrogates of a folder of measured scores can be trusted.",
        epilog="example: python -m mocks.surrogate --data tables/ --model vicuna-13b",
    )
    parser.add_argument("--data", required=True, help="a folder with tables (*.json), or one table")
    parser.add_argument("--model", default="all", help="one model, or all (default)")
    wanted = parser.parse_args(arguments)
    errors = Console(stderr=True)
    try:
        found = _survey(load_folder(wanted.data), wanted.model, errors)
    except UsageError as error:
        errors.print(f"error: {error}", markup=False, highlight=False, soft_wrap=True)
        return 2
    _show(found, Console(soft_wrap=False))
    return 0


def _survey(tables: Sequence[Table], model: str, errors: Console) -> dict[tuple[str, str], Fidelity]:
    """The fidelity of each (table, model), table by table, as the models of a table share work."""
    models = dict.fromkeys(name for table in tables for name in table.models)
    if model != "all" and model not in models:
        raise DataError(f"no table has a score of {model!r}; {nearest(model, models)}")
    pairs = [(table, name) for table in tables for name in table.models if model in ("all", name)]
    found = {}
    for table, name in track(pairs, "cross-validating", console=errors, transient=True):
        try:
            found[table.name, name] = fidelity_of(table, name)
        except DataError as error:
            if len(pairs) == 1:
                raise
            # one model with too few scores says nothing against the others
            errors.print(f"left out: {error}", markup=False, highlight=False, soft_wrap=True)
    if not found:
        raise DataError(f"none of {len(pairs)} pairs of a table and a model can be fitted")
    return found


def _show(found: dict[tuple[str, str], Fidelity], console: Console) -> None:
    """A line a task where one model was asked for, else a line a model."""
    models = list(dict.fromkeys(model for _, model in found))
    subject = models[0] if len(models) == 1 else "mean over the tasks"
    grid = RichTable(title=f"Held-out fidelity of the surrogates (reached of possible): {subject}")
    grid.add_column("task" if len(models) == 1 else "model", no_wrap=True)
    for heading in ("Spearman", "R²", "texts"):
        grid.add_column(heading, justify="right", no_wrap=True)
    grid.add_column("trusted" if len(models) == 1 else "not to be trusted")
    if len(models) == 1:
        for (task, _), fidelity in found.items():
            grid.add_row(task, *_cells([fidelity]), "yes" if fidelity.trusted else "NO")
    else:
        for model in models:
            ours = {task: fidelity for (task, name), fidelity in found.items() if name == model}
            grid.add_row(model, *_cells(list(ours.values())), _doubtful(ours))
    everyone = list(found.values())
    trusted = f"{sum(fidelity.trusted for fidelity in everyone)} of {len(everyone)} trusted"
    grid.add_section()
    grid.add_row("mean", *_cells(everyone), trusted, style="bold")
    console.print(grid)


def _cells(several: Sequence[Fidelity]) -> list[str]:
    def mean(name: str) -> float:
        return fmean(getattr(fidelity, name) for fidelity in several)

    return [
        f"{mean('spearman'):.2f} of {mean('spearman_ceiling'):.2f}",
        f"{mean('r2'):.2f} of {mean('r2_ceiling'):.2f}",
        f"{mean('instructions'):.0f}",
    ]


def _doubtful(by_task: dict[str, Fidelity]) -> str:
    return ", ".join(task for task, fidelity in by_task.items() if not fidelity.trusted)


if __name__ == "__main__":
    raise SystemExit(main())
