"""What an artist orders, in the script's words, and the request that a worker gets for it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Union

from stcn_nuke.paths import shot_file
from stcn_plugin.bridge import JobRequest


@dataclass(frozen=True)
class Source:
    """A node whose alpha is the matte of an object, and the frames at which it counts."""

    node: str
    frames: tuple[int, ...]


@dataclass(frozen=True)
class Propagation:
    """Propagate a new shot.

    Args:
        plate: Name of the plate's node.
        sources: The keyframes.
        range: Frames to matte.
        out: Frame pattern of the mattes.
        colour: Colour space of the plate; empty lets its files say.
        preset: Name of the preset.
        weights: Name of the weights; empty takes the preset's.
        device: Where to compute; empty takes the preset's.
        layout: How objects share files; empty takes the preset's.
        settings: Further settings, each ``memory.interval=3``.
    """

    plate: str
    sources: tuple[Source, ...]
    range: str
    out: str
    colour: str = ""
    preset: str = "default"
    weights: str = ""
    device: str = ""
    layout: str = ""
    settings: tuple[str, ...] = ()

    def request(self, pattern: str, *, colour: str, config: str | None) -> JobRequest:
        """Return what the worker is asked for.

        Args:
            pattern: Frame pattern of the plate's files.
            colour: Colour space of these files.
            config: The script's OCIO config.
        """
        given = {
            "colour.config": config,
            "colour.input": colour,
            "weights": self.weights,
            "compute.device": self.device,
            "output.layout": self.layout,
        }
        return JobRequest(
            plate=pattern,
            out=self.out,
            range=self.range,
            preset=self.preset,
            # As JSON, so that YAML takes every value for the text that it is.
            settings=(*(f"{key}={json.dumps(value)}" for key, value in given.items() if value), *self.settings),
            save_as=shot_file(self.out),
        )


@dataclass(frozen=True)
class Update:
    """Propagate a shot again around keyframes that are new or changed.

    Args:
        shot_file: The shot as it was saved.
        plate: Name of the plate's node.
        sources: The new keyframes.
        out: Frame pattern of the mattes.
    """

    shot_file: str
    plate: str
    sources: tuple[Source, ...]
    out: str

    def request(self) -> JobRequest:
        """Return what the worker is asked for."""
        return JobRequest(shot_file=self.shot_file, update=frames_of(self.sources), save_as=self.shot_file)


Order = Union[Propagation, Update]  # noqa: UP007 - evaluated, and Python 3.9 has no `|` for classes


def frames_of(sources: Sequence[Source]) -> tuple[int, ...]:
    """Return the frames on which any source is a keyframe."""
    return tuple(sorted({frame for source in sources for frame in source.frames}))
