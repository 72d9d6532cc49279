"""What a scenario says of the white box that it lends; the model itself is loaded where a run uses it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from sandbox.budget import Meter
from sandbox.whitebox.lent import Speed, WhiteBox
from sandbox.whitebox.loading import check_folder, check_packages, load

_READ = frozenset({".json", ".safetensors", ".bin", ".model", ".txt", ".jinja"})
"""Endings of the files that a model is made of."""
_WHOLE = 2**26
"""Bytes up to which a file counts as a whole; of larger ones samples do."""
_SAMPLES = 256
_SAMPLE = 2**16
_HEAVY = 2**29
"""Bytes of weights above which it matters how many processes load them."""


@dataclass(frozen=True, slots=True)
class Lending:
    """A model that runs may be lent, and what its work is said to cost."""

    path: str
    """Absolute, of the folder."""
    digest: str
    """Of the folder; see `digest_of_folder`."""
    device: str = "auto"
    dtype: str = "auto"
    speed: Speed = field(default_factory=Speed)

    def check(self) -> None:
        """Whether it can be lent here.

        Raises:
            UsageError: if the folder holds no causal LM.
            MissingExtra: if packages are missing.
        """
        check_packages()
        check_folder(Path(self.path))

    def lend(self, meter: Meter) -> WhiteBox:
        """The white box as one run's agent holds it."""
        loaded = partial(load, Path(self.path), self.device, self.dtype, self.digest)
        return WhiteBox(loaded, meter, self.speed)

    @property
    def heavy(self) -> bool:
        """Whether several processes, each with the model in memory, are too many."""
        found = [path for path in _files(Path(self.path)) if path.suffix in (".safetensors", ".bin")]
        return sum(path.stat().st_size for path in found) > _HEAVY


def digest_of_folder(path: Path) -> str:
    """Changes with the configuration, the tokenizer and the weights of a model, not with where it lies.

    Of a file above 64 MiB, 256 evenly spaced pieces and its size count: training changes all of them.
    """
    digest = hashlib.sha256()
    for file in _files(path):
        size = file.stat().st_size
        digest.update(f"{file.name}\0{size}\0".encode("utf-8", "surrogatepass"))
        with file.open("rb") as stream:
            if size <= _WHOLE:
                digest.update(stream.read())
                continue
            for number in range(_SAMPLES):
                stream.seek(number * (size - _SAMPLE) // (_SAMPLES - 1))
                digest.update(stream.read(_SAMPLE))
    return digest.hexdigest()[:16]


def _files(path: Path) -> list[Path]:
    return sorted(file for file in path.iterdir() if file.suffix in _READ and file.is_file())
