"""Tables of really measured scores as an oracle.

A file holds the paraphrased instructions of one task and the accuracy that each of several
models reached with each of them. The shape is that of Mizrahi et al., "State of What Art? A Call
for Multi-Prompt LLM Evaluation" (arXiv 2401.00595)::

    {"paraphrases": {"1": {"template": "...", "method": "cot", "correct": true,
                           "accs": {"vicuna-13b": 0.31, ...}, "ranks": {...}}, ...}}

`ranks` follows from `accs` and is ignored, and so are fields that are not listed here.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from statistics import fmean
from typing import Any, NoReturn

from sandbox.errors import DataError, nearest
from sandbox.spaces import Candidate, Pool


@dataclass(frozen=True, slots=True)
class Table:
    """The measured scores of one task: one row an instruction, in the order of the file."""

    name: str
    """The file's name without its ending."""
    templates: tuple[str, ...]
    """The instructions; some occur twice, with two separate measurements."""
    methods: tuple[str, ...]
    """How each paraphrase was made; empty where the file does not say."""
    correct: tuple[bool, ...]
    """False where a paraphrase changes the task."""
    accuracies: dict[str, tuple[float | None, ...]] = field(hash=False)
    """For each model its accuracies in [0, 1], one a row, None where it was not measured. Read-only."""
    digest: str
    """The SHA-256 of the file's bytes, in hexadecimal."""

    @property
    def models(self) -> tuple[str, ...]:
        """The models with at least one score, in the order in which the file names them."""
        return tuple(self.accuracies)

    def measured(self, model: str, include_incorrect: bool = False) -> list[tuple[str, float]]:
        """The (instruction, accuracy) pairs of one model, repeated instructions not merged.

        Args:
            model: one of `models`.
            include_incorrect: whether paraphrases that change the task are wanted too.

        Raises:
            DataError: if the table has no such pair; the sentence names the models it has.
        """
        if not self.accuracies:
            raise DataError(f"the table {self.name}: no entry has a score of any model, so none of {model!r}")
        if model not in self.accuracies:
            raise DataError(
                f"the table {self.name}: no entry has a score of {model!r}; {nearest(model, self.models)}"
            )
        rows = zip(self.templates, self.correct, self.accuracies[model], strict=True)
        pairs = [
            (template, accuracy)
            for template, correct, accuracy in rows
            if accuracy is not None and (correct or include_incorrect)
        ]
        if not pairs:
            having = [name for name in self.models if self._has_correct(name)]
            raise DataError(
                f"the table {self.name}: no correct entry has a score of {model!r}; "
                f"models with one: {', '.join(having) or 'none'}"
            )
        return pairs

    def _has_correct(self, model: str) -> bool:
        return any(
            correct and accuracy is not None
            for correct, accuracy in zip(self.correct, self.accuracies[model], strict=True)
        )


def merged(pairs: Sequence[tuple[str, float]]) -> dict[str, float]:
    """The mean score of each distinct text, in order of first appearance.

    A repeated text was measured twice, so its mean is the better estimate of its truth.
    """
    scores: dict[str, list[float]] = {}
    for text, score in pairs:
        scores.setdefault(text, []).append(score)
    return {text: fmean(several) for text, several in scores.items()}


@dataclass(frozen=True, slots=True)
class RecordedOracle:
    """The measured accuracy of one model as the truth over a pool of instructions."""

    table: str
    """The name of the table."""
    model: str
    digest: str
    """The SHA-256 of the table's file: what a result must quote to be repeatable."""
    space: Pool
    optimum: float
    """The largest score in the pool, which is the whole space."""
    best: str
    """The first instruction of the pool that reaches `optimum`."""
    baseline: float
    """The mean score of the pool: what a blind draw from it would hand in."""
    scores: dict[str, float] = field(repr=False, hash=False)
    """The score of each text of the pool. Read-only."""

    @classmethod
    def of(cls, table: Table, model: str, include_incorrect: bool = False) -> RecordedOracle:
        """The oracle of one model; instructions that it was not measured on are left out.

        Raises:
            DataError: if the table has no score of that model.
        """
        scores = merged(table.measured(model, include_incorrect))
        best = max(scores, key=scores.__getitem__)
        return cls(
            table=table.name,
            model=model,
            digest=table.digest,
            space=Pool(tuple(scores)),
            optimum=scores[best],
            best=best,
            baseline=fmean(scores.values()),
            scores=scores,
        )

    def truth(self, candidate: Candidate) -> float:
        """The measured accuracy, averaged over repeated measurements.

        Raises:
            KeyError: if `candidate` is not in `space`; the session refuses such a candidate earlier.
        """
        return self.scores[candidate]  # type: ignore[index]  # a point of a box is not in the pool either


def load_folder(path: str | Path) -> tuple[Table, ...]:
    """Every table below a folder, at any depth, ordered by path; or the one table of a file.

    Raises:
        DataError: if there is no such folder, no `*.json` below it, or one of the files is bad.
    """
    place = Path(path)
    if place.is_file():
        return (load_table(place),)
    if not place.is_dir():
        raise DataError(f"{place}: no such file or folder")
    files = sorted(file for file in place.rglob("*.json") if file.is_file())
    if not files:
        raise DataError(f"{place}: no *.json file in this folder or below it")
    return tuple(load_table(file) for file in files)


def load_table(path: str | Path) -> Table:
    """Read one file.

    Raises:
        DataError: if the file is missing or not of the published shape; its one sentence names the
            file, the field (as `paraphrases.17.accs.vicuna-13b`), the reason and the value.
    """
    place = Path(path)
    try:
        content = place.read_bytes()
    except FileNotFoundError:
        raise DataError(f"{place}: no such file") from None
    except IsADirectoryError:
        raise DataError(f"{place}: this is a folder, not a file") from None
    except OSError as error:
        raise DataError(f"{place}: cannot be read: {error.strerror}") from None
    return _Reader(place).table(content)


class _RepeatedKey(ValueError):
    """An object of the file has one key twice, so one of the two values would be lost."""


def _object_without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _RepeatedKey(next(name for name in names if names.count(name) > 1))
    return found


@dataclass(frozen=True, slots=True)
class _Reader:
    """Checks one file field by field, so that each refusal can say where it stands."""

    place: Path

    def table(self, content: bytes) -> Table:
        paraphrases = self.paraphrases(self.parsed(content))
        templates, methods, correct = [], [], []
        scores: list[dict[str, float]] = []
        for key, entry in paraphrases.items():
            where = f"paraphrases.{key}"
            if not isinstance(entry, dict):
                self.refuse(where, "is not an object", entry)
            templates.append(self.template(where, entry))
            methods.append(self.method(where, entry))
            correct.append(self.correct(where, entry))
            scores.append(self.accuracies(where, entry))
        models = dict.fromkeys(model for row in scores for model in row)
        return Table(
            name=self.place.stem,
            templates=tuple(templates),
            methods=tuple(methods),
            correct=tuple(correct),
            accuracies={model: tuple(row.get(model) for row in scores) for model in models},
            digest=sha256(content).hexdigest(),
        )

    def parsed(self, content: bytes) -> object:
        try:
            return json.loads(content.decode("utf-8-sig"), object_pairs_hook=_object_without_repeats)
        except UnicodeDecodeError as error:
            self.fail(f"is not UTF-8 text: byte {error.start} is 0x{content[error.start]:02x}")
        except json.JSONDecodeError as error:
            self.fail(f"is not JSON: {error.msg} at line {error.lineno}, column {error.colno}")
        except _RepeatedKey as error:
            self.fail(f"has the key {str(error)!r} twice in one object")
        except (ValueError, RecursionError) as error:
            # an integer of thousands of digits, or thousands of nested brackets
            self.fail(f"is not JSON that can be read: {error}")

    def paraphrases(self, content: object) -> dict[str, Any]:
        if not isinstance(content, dict):
            self.fail(f"is not an object, but {_shown(content)}")
        if "paraphrases" not in content:
            self.fail(f"the field paraphrases is missing; the file has: {', '.join(content) or 'nothing'}")
        paraphrases = content["paraphrases"]
        if not isinstance(paraphrases, dict):
            self.refuse("paraphrases", "is not an object", paraphrases)
        if not paraphrases:
            self.refuse("paraphrases", "is empty", paraphrases)
        return paraphrases

    def template(self, where: str, entry: dict[str, Any]) -> str:
        template = self.required(where, entry, "template")
        if not isinstance(template, str):
            self.refuse(f"{where}.template", "is not a string", template)
        if not template.strip():
            self.refuse(f"{where}.template", "is empty", template)
        if any("\ud800" <= character <= "\udfff" for character in template):
            self.refuse(f"{where}.template", "holds half a surrogate pair, which is no character", template)
        return template

    def method(self, where: str, entry: dict[str, Any]) -> str:
        method = entry.get("method", "")
        if not isinstance(method, str):
            self.refuse(f"{where}.method", "is not a string", method)
        return method

    def correct(self, where: str, entry: dict[str, Any]) -> bool:
        correct = self.required(where, entry, "correct")
        if not isinstance(correct, bool):
            self.refuse(f"{where}.correct", "is neither true nor false", correct)
        return correct

    def accuracies(self, where: str, entry: dict[str, Any]) -> dict[str, float]:
        accuracies = self.required(where, entry, "accs")
        if not isinstance(accuracies, dict):
            self.refuse(f"{where}.accs", "is not an object", accuracies)
        for model, accuracy in accuracies.items():
            field_name = f"{where}.accs.{model}"
            if isinstance(accuracy, bool) or not isinstance(accuracy, (int, float)):
                self.refuse(field_name, "is not a number", accuracy)
            if not 0.0 <= accuracy <= 1.0:  # NaN fails this too
                self.refuse(field_name, "is not in [0, 1]", accuracy)
        return {model: float(accuracy) for model, accuracy in accuracies.items()}

    def required(self, where: str, entry: dict[str, Any], name: str) -> object:
        if name not in entry:
            self.fail(f"the field {where}.{name} is missing; the entry has: {', '.join(entry) or 'nothing'}")
        return entry[name]

    def refuse(self, where: str, reason: str, value: object) -> NoReturn:
        self.fail(f"the field {where} {reason}: {_shown(value)}")

    def fail(self, what: str) -> NoReturn:
        raise DataError(_one_line(f"{self.place}: {what}")) from None


def _one_line(text: str) -> str:
    """The text with line ends and other control characters, which a key may hold, written as escapes."""
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _shown(value: object, longest: int = 60) -> str:
    """A value as JSON writes it, cut to one line's length."""
    text = json.dumps(value, ensure_ascii=True)
    return text if len(text) <= longest else text[: longest - 3] + "..."
