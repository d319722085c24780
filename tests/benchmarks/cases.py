"""The cases of a benchmark: variant, device, precision, number of objects and size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.footage import Footage
from benchmarks.random_weights import random_weights

from stcn_plugin import Shot, load_preset, make_shot
from stcn_plugin.job.propagate import load_engine_for
from stcn_plugin.network.engine import Engine
from stcn_plugin.network.variants import VARIANTS
from stcn_plugin.weights.reading import LoadedWeights, read_weights, write_weights
from stcn_plugin.weights.store import WeightsStore

IN_PACKAGE = ("starter", "starter-free")
RANDOM = "random"


@dataclass(frozen=True)
class Case:
    """A case, which is a row of a table.

    Args:
        variant: Name of the variant.
        device: Value of `compute.device`.
        precision: Value of `compute.precision`.
        objects: Number of objects.
        size: Value of `size`, the internal size.
    """

    variant: str
    device: str
    precision: str
    objects: int
    size: str


@dataclass(frozen=True)
class Workshop:
    """Makes the shots and engines of cases; engines are cached.

    Args:
        folder: Folder for mattes and weights.
        weights: Variant to its weights; other variants get random ones.
        settings: Further settings, ``memory.interval=3``.
    """

    folder: Path
    weights: Mapping[str, str]
    settings: Sequence[str] = ()
    _engines: dict[tuple[str, str, str], Engine] = field(default_factory=dict)

    def shot(self, case: Case, footage: Footage) -> Shot:
        """Return the shot of a case; its mattes go to the workshop's folder."""
        keyframe: dict[str, object] = {"file": str(footage.keyframe)}
        if footage.objects:
            keyframe["objects"] = dict(footage.objects)
        return make_shot(
            plate=footage.plate,
            keyframes={footage.first: keyframe},
            out=self.folder / "mattes" / "matte.######.exr",
            range=footage.range,
            overrides=self.settings_of(case),
        )

    def settings_of(self, case: Case) -> tuple[str, ...]:
        """Return the settings of a case, each ``key=value``."""
        own = {
            "weights": self._weights_file(case.variant),
            "size": case.size,
            "compute.device": case.device,
            "compute.precision": case.precision,
        }
        return *(f"{key}={value}" for key, value in own.items()), *self.settings

    def engine(self, case: Case) -> Engine:
        """Return the engine of a case, loaded as by a worker."""
        key = case.variant, case.device, case.precision
        if key not in self._engines:
            self._engines[key] = load_engine_for(load_preset("default", overrides=self.settings_of(case)))
        return self._engines[key]

    def state(self, variant: str) -> LoadedWeights:
        """Return the weights of a variant."""
        return read_weights(WeightsStore().path(self._weights_file(variant)))

    def named_weights(self, variant: str) -> str:
        """Return the label of a variant's weights."""
        return self.weights.get(variant, RANDOM)

    def _weights_file(self, variant: str) -> str:
        if variant in self.weights:
            return self.weights[variant]
        path = self.folder / f"{variant}.safetensors"
        if not path.exists():
            write_weights(path, random_weights(VARIANTS[variant]))
        return str(path)


def weights_by_variant(names: Sequence[str]) -> dict[str, str]:
    """Return variant to weights, from names and files; those of the package for a variant without others."""
    found: dict[str, str] = {}
    for name in (*IN_PACKAGE, *names):
        path = WeightsStore().path(name)
        found[read_weights(path).variant.name] = name if name in IN_PACKAGE else str(path)
    return found
