"""The settings of a document, which are stored in it, and the requests to the worker made from them."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from krita import Document
from PyQt5.QtCore import QByteArray

from stcn_plugin.bridge import JobRequest
from stcn_plugin.bridge.files import expanded, has_frame_number, shot_file_path
from stcn_plugin.bridge.job import Setting, chosen_settings
from stcn_plugin.bridge.numbered_file import NumberedFile
from stcn_plugin.bridge.panel import SETTINGS_BY_KEY, Value, panel_settings
from stcn_plugin.errors import HostError
from stcn_plugin.frames import parse_frame_range, shift_frame_range

DOCKER = "STCN docker"
LAST_FRAME = 999_999
_MOST_FRAMES = 100_000
_ANNOTATION = "stcn"
_ORIGINS = {
    "range": f"{DOCKER}, Range",
    "out": f"{DOCKER}, Mattes",
    "preset": f"{DOCKER}, Preset",
    "weights": f"{DOCKER}, Weights",
    "compute.device": f"{DOCKER}, Device",
}


@dataclass
class ShotSettings:
    """The settings of a document; frames are those of its timeline.

    Args:
        plate: A file of the plate.
        first: Frame that shows the first file of the plate.
        range: Frames to matte; empty for all frames of the plate.
        out: Frame pattern of the mattes; empty for the default.
        preset: Name or file of the preset.
        weights: Name of the weights; empty for those of the preset.
        device: Device; empty for that of the preset.
        values: Values of the settings in the docker that are not left to the preset.
        more: Further settings, as ``KEY=VALUE`` separated by spaces.
        still: Id of a layer without keyframes to the frame of its drawing.
        patterns: Object to the frame pattern of its mattes, of the last job.
        layers: Object to the id of the layer with its mattes.
        loaded: Object to the frames whose mattes are in its layer, with the time of the file.
        weights_used: Weights of the last job, with their licence.
        shot_file: Shot file of the last job.
    """

    plate: str = ""
    first: int = 0
    range: str = ""
    out: str = ""
    preset: str = "default"
    weights: str = ""
    device: str = ""
    values: dict[str, Value] = field(default_factory=dict)
    more: str = ""
    still: dict[str, int] = field(default_factory=dict)
    patterns: dict[str, str] = field(default_factory=dict)
    layers: dict[str, str] = field(default_factory=dict)
    loaded: dict[str, dict[str, int]] = field(default_factory=dict)
    weights_used: str = ""
    shot_file: str = ""

    @classmethod
    def of(cls, document: Document) -> ShotSettings:
        """Read the settings of a document; fields that are missing or damaged have their default."""
        settings = cls()
        try:
            stored = json.loads(bytes(document.annotation(_ANNOTATION)) or b"{}")
        except (ValueError, RecursionError):
            return settings
        for each in dataclasses.fields(cls):
            value = stored.get(each.name) if isinstance(stored, dict) else None
            if type(value) is not type(getattr(settings, each.name)):
                continue
            if isinstance(value, dict):
                value = {key: entry for key, entry in value.items() if _is_entry(each.name, key, entry)}
            setattr(settings, each.name, value)
        settings.first = min(max(0, settings.first), LAST_FRAME)
        return settings

    def store(self, document: Document) -> None:
        """Store the settings in a document, to be saved with it."""
        text = json.dumps(dataclasses.asdict(self))
        document.setAnnotation(_ANNOTATION, "Settings of STCN", QByteArray(text.encode()))

    @property
    def files(self) -> NumberedFile:
        """The files of the plate.

        Raises:
            HostError: There is no plate, or it is not a numbered file.
        """
        if not self.plate.strip():
            raise HostError("no plate is chosen", where=DOCKER, fix="Choose a file of the plate")
        return NumberedFile.parse(str(expanded(self.plate.strip()).absolute()))

    @property
    def numbers(self) -> list[int]:
        """The numbers of the plate's files.

        Raises:
            HostError: There is no plate, or no file of it exists.
        """
        files = self.files
        numbers = files.numbers_on_disk()
        if not numbers:
            raise HostError("no file of the plate is on disk", where=files.pattern, fix="Choose the plate again")
        return numbers

    @property
    def shift(self) -> int:
        """Number of a plate file minus the frame that shows it."""
        return self.numbers[0] - self.first

    @property
    def frames(self) -> tuple[int, ...]:
        """Frames to matte.

        Raises:
            STCNError: The range is invalid, or there is no plate.
        """
        return parse_frame_range(self.range) if self.range.strip() else tuple(self.plate_frames)

    @property
    def plate_frames(self) -> Sequence[int]:
        """Frames that show the plate, with those of missing files.

        Raises:
            HostError: There is no plate, or its numbers are far apart.
        """
        numbers = self.numbers
        frames = range(self.first, self.first + numbers[-1] - numbers[0] + 1)
        if len(frames) > _MOST_FRAMES:
            raise HostError(
                f"the files of the plate are numbered from {numbers[0]} to {numbers[-1]}, which is more than "
                f"{_MOST_FRAMES:,} frames",
                where=self.files.pattern,
                fix="Move files that do not belong to the shot to another folder",
            )
        return frames

    def out_pattern(self, document: Document) -> str:
        """Return the absolute frame pattern of the mattes: by default next to the document, or in the home folder.

        Raises:
            HostError: It is not that of numbered EXR files.
        """
        saved = document.fileName()
        folder = Path(saved).parent if saved else Path.home()
        files = self.files
        out = self.out.strip() or str(Path("mattes") / files.stem / f"{files.stem}_matte.{'#' * len(files.number)}.exr")
        if not has_frame_number(out) or not out.lower().endswith(".exr"):
            raise HostError(
                "the mattes are not numbered EXR files", where=out, fix="Enter a name such as mattes/hero.####.exr"
            )
        return str(folder / expanded(out))

    def request(self, document: Document) -> JobRequest:
        """Return the request, without keyframes.

        Raises:
            STCNError: A setting is missing or invalid.
        """
        out, shift = self.out_pattern(document), self.shift
        chosen = {"weights": self.weights.strip() or None, "compute.device": self.device.strip() or None}
        settings = {
            "output.layout": Setting("per_object", "Krita, which shows the alpha of a file"),
            **chosen_settings(chosen, _ORIGINS),
            **panel_settings(self.values, self.more, place=DOCKER),
        }
        return JobRequest(
            plate=self.files.pattern,
            out=out,
            range=shift_frame_range(self.range, shift) if self.range.strip() else None,
            preset=self.preset.strip() or "default",
            settings=settings,
            origins=_ORIGINS,
            save_as=shot_file_path(out),
        )


def _is_entry(field: str, key: str, value: object) -> bool:
    """Return whether an entry of a field that holds several is valid."""
    if field == "values":
        setting = SETTINGS_BY_KEY.get(key)
        return setting is not None and isinstance(value, (int, float) if setting.is_number else (str, bool))
    return isinstance(value, {"still": int, "loaded": dict}.get(field, str))
