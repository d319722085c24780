"""The selected cases and their footage."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from benchmarks.cases import Case, Workshop
from benchmarks.footage import Footage, given_footage, make_footage

from stcn_plugin.job.prepare import prepare
from stcn_plugin.network.devices import choose_device


@dataclass(frozen=True)
class Selection:
    """The user's selection; every combination is a case.

    Args:
        variants: Names of the variants.
        devices: Values of `compute.device`.
        precisions: Values of `compute.precision`.
        counts: Numbers of objects.
        sizes: Internal sizes; empty for 480, and on a GPU also 1080.
        plate_size: ``(H, W)`` of the synthetic plate; ``None`` for 16:9 at the internal size.
        suffix: File format of the synthetic plate.
        given: Pattern of an existing plate, and its keyframe; ``None`` for synthetic footage.
        frames: Number of frames of the shot.
    """

    variants: Sequence[str]
    devices: Sequence[str]
    precisions: Sequence[str]
    counts: Sequence[int]
    sizes: Sequence[str]
    plate_size: tuple[int, int] | None
    suffix: str
    given: tuple[str, Path] | None
    frames: int

    def footage_of_cases(self, workshop: Workshop) -> dict[Case, Footage]:
        """Return all cases with their footage; a given keyframe defines the objects."""
        given = given_footage(*self.given, self.frames) if self.given else None
        cases: dict[Case, Footage] = {}
        made: dict[tuple[int, tuple[int, int]], Footage] = {}
        for device in self.devices:
            for size, count, variant, precision in product(
                self._sizes(device), self.counts, self.variants, self.precisions
            ):
                case = Case(variant, device, precision, count, size)
                if given:
                    objects = prepare(workshop.shot(case, given)).objects
                    cases[replace(case, objects=len(objects))] = given
                    continue
                key = count, self.plate_size or wide(size)
                if key not in made:
                    made[key] = self._make(workshop.folder, *key)
                cases[case] = made[key]
        return cases

    def _sizes(self, device: str) -> Sequence[str]:
        return self.sizes or (("480", "1080") if choose_device(device).type == "cuda" else ("480",))

    def _make(self, folder: Path, count: int, size: tuple[int, int]) -> Footage:
        name = f"plate-{count}-{size[1]}x{size[0]}"
        return make_footage(folder / name, objects=count, size=size, count=self.frames, suffix=self.suffix)


def wide(size: str) -> tuple[int, int]:
    """Return the height and width of a 16:9 plate at the internal size.

    Raises:
        ValueError: The size is not a number of lines.
    """
    if not size.isdecimal():
        raise ValueError(f"the size {size} needs a plate size, or a plate")
    height = int(size)
    return height, 2 * round(height * 16 / 9 / 2)
