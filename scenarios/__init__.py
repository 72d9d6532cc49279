"""Who meets whom, in which world, under what budget: the catalogue of TOML files."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.pricelist import Price

if TYPE_CHECKING:
    from sandbox.scenario import Scenario, Source

_FOLDER = Path(__file__).parent


class Catalogue:
    """The TOML files of this folder, and any file that a person names."""

    def names(self) -> list[str]:
        """Of the scenarios that come with the package."""
        return sorted(path.stem for path in _FOLDER.glob("*.toml"))

    def about(self, name: str) -> str:
        """The description in the file; nothing else is read."""
        with (_FOLDER / f"{name}.toml").open("rb") as file:
            return str(tomllib.load(file)["description"])

    def load(self, source: Source) -> Scenario:
        """See `scenarios.build.load`."""
        from scenarios.build import load

        return load(source, _FOLDER)

    def serve(self, source: Source, **options: Any) -> int:
        """See `scenarios.serving.serve_scenario`."""
        from scenarios.serving import serve_scenario

        return serve_scenario(source, _FOLDER, **options)

    def price(self, model: str) -> Price | None:
        """Of a persona."""
        from mocks.llm.persona import load, personas

        if model not in personas():
            return None
        prices = load(model).prices
        return Price.of(prices.prompt, prices.completion, f"the persona {model}", model)

    def white_box(self) -> Path:
        """See `scenarios.build.BUNDLED`."""
        from scenarios.build import BUNDLED

        return BUNDLED

    def keys(self, *arguments: Any) -> None:
        """See `scenarios.serving.change_keys`."""
        from scenarios.serving import change_keys

        change_keys(*arguments)

    def parts(self) -> dict[str, dict[str, Any]]:
        """See `sandbox.registry.Catalogue`."""
        from mocks.landscape import ORACLES
        from mocks.llm.persona import load, personas
        from mocks.noise import NOISES

        return {
            "oracles": dict(ORACLES),
            "noises": dict(NOISES),
            "models": {name: f"{load(name).about} ({load(name).dated})" for name in personas()},
        }


CATALOGUE = Catalogue()
