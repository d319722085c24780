"""Jobs that the artist requests, in terms of the script's nodes, and their requests to the worker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Union

from stcn_nuke.knob_text import forward
from stcn_plugin.bridge import JobRequest
from stcn_plugin.bridge.files import shot_file_path
from stcn_plugin.bridge.job import Setting, chosen_settings


@dataclass(frozen=True)
class KeyframeSource:
    """A node whose alpha is the matte of one object.

    Args:
        node: Full name of the node.
        frames: Frames of the keyframes.
    """

    node: str
    frames: tuple[int, ...]


@dataclass(frozen=True)
class PropagateJob:
    """Propagate a new shot.

    Args:
        plate: Name of the plate's node.
        sources: Nodes with the keyframes.
        range: Frames to matte.
        out: Frame pattern of the mattes.
        colour: Colour space of the plate; empty to use the one stated in its files.
        preset: Name of the preset.
        weights: Name of the weights; empty for those of the preset.
        device: Device; empty for that of the preset.
        layout: Layout of the matte files; empty for that of the preset.
        settings: Further settings.
        origins: Field of the request, or setting, to the knob of the panel or the flag that set it.
    """

    plate: str
    sources: tuple[KeyframeSource, ...]
    range: str
    out: str
    colour: str = ""
    preset: str = "default"
    weights: str = ""
    device: str = ""
    layout: str = ""
    settings: Mapping[str, Setting] = field(default_factory=dict)
    origins: Mapping[str, str] = field(default_factory=dict)

    def request(self, pattern: str, *, colour: str, config: str | None) -> JobRequest:
        """Return the request to the worker.

        Args:
            pattern: Frame pattern of the plate's files.
            colour: Colour space of the plate's files.
            config: The script's OCIO config.
        """
        chosen = {
            "colour.config": config or None,
            "colour.input": colour or None,
            "weights": self.weights or None,
            "compute.device": self.device or None,
            "output.layout": self.layout or None,
        }
        origins = {**dict.fromkeys(chosen, "the Nuke script"), **self.origins}
        return JobRequest(
            plate=pattern,
            out=self.out,
            range=self.range,
            preset=self.preset,
            settings={**chosen_settings(chosen, origins), **self.settings},
            origins=self.origins,
            save_as=forward(shot_file_path(self.out)),
        )


@dataclass(frozen=True)
class UpdateJob:
    """Propagate a shot again around new or changed keyframes.

    Args:
        shot_file: The saved shot.
        plate: Name of the plate's node.
        sources: Nodes with the new keyframes.
        out: Frame pattern of the mattes.
    """

    shot_file: str
    plate: str
    sources: tuple[KeyframeSource, ...]
    out: str

    def request(self) -> JobRequest:
        """Return the request to the worker."""
        return JobRequest(shot_file=self.shot_file, update=keyframe_frames(self.sources), save_as=self.shot_file)


Job = Union[PropagateJob, UpdateJob]  # noqa: UP007 - evaluated at runtime, where Python 3.9 has no `|` for classes


def default_out(script: str, plate: str) -> str:
    """Return the default pattern of the mattes: next to the script, or in the home folder.

    Args:
        script: The script's file, empty if it was never saved.
        plate: Name of the plate's node.
    """
    folder = Path(script).absolute().parent if script else Path.home()
    return forward(str(folder / "mattes" / plate / f"{plate}.####.exr"))


def keyframe_frames(sources: Sequence[KeyframeSource]) -> tuple[int, ...]:
    """Return the frames that are keyframes of any source, ascending."""
    return tuple(sorted({frame for source in sources for frame in source.frames}))
