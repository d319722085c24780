"""What weights say of themselves: where they come from, what they may be used for, how good they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from stcn_plugin import __version__
from stcn_plugin.training.config import Folder, TrainingConfig
from stcn_plugin.training.validation import ValidationReport

_OF_ALL = "of all that it was made from: "
_BETWEEN = " + "
_FILES = ("start", "out", "folder", "file")


@dataclass(frozen=True)
class Origins:
    """How weights came about.

    Args:
        config: The run.
        step: Steps that they took.
        seconds: Time that these took.
        device: Where.
        validation: How good they are, where it was measured.
        start_licence: Of the weights that they started from; empty where they started from none.
    """

    config: TrainingConfig
    step: int
    seconds: float
    device: str
    validation: ValidationReport | None
    start_licence: str = ""

    @property
    def licences(self) -> tuple[str, ...]:
        """The licences of all that went into the weights, each once: all of them bind who uses them."""
        encoder = self.config.key_encoder
        own = (source.licence for source in self._sources)
        named = [*own, *self._start_licences, encoder.licence if encoder else ""]
        return tuple(dict.fromkeys(licence for licence in named if licence))

    @property
    def licence(self) -> str:
        """The licences in a line."""
        return _OF_ALL + _BETWEEN.join(self.licences)

    @property
    def data(self) -> str:
        """What was trained on, in a line."""
        return "; ".join(f"{_name(source)} ({source.licence})" for source in self._sources)

    @property
    def _start_licences(self) -> list[str]:
        said = self.start_licence
        return said.removeprefix(_OF_ALL).split(_BETWEEN) if said.startswith(_OF_ALL) else [said]

    @property
    def _sources(self) -> list[Folder]:
        data = self.config.data
        return [*data.clips, *data.stills, *data.elements]

    def metadata(self) -> Mapping[str, str]:
        """Return what goes into the file of the weights."""
        scores = {"validation": f"J&F {self.validation.mean:.4f}"} if self.validation else {}
        return {
            "license": self.licence,
            "source": f"stcn train, {self.step} steps",
            "data": self.data,
            **({"title": self.config.description} if self.config.description else {}),
            **scores,
        }

    def markdown(self, *, name: str, size: int) -> str:
        """Return the model card.

        Args:
            name: File name of the weights.
            size: Its bytes.
        """
        config = self.config
        start = _last(config.start or "") or (
            f"key encoder from {_last(config.key_encoder.file)}" if config.key_encoder else "chance"
        )
        rows = {
            "Network": config.variant,
            "Size": f"{size / 1e6:.1f} MB",
            "Trained on": self.data,
            "Started from": start,
            "Steps": f"{self.step} of {config.steps.batch} samples, {self.seconds / 3600:.1f} hours on {self.device}",
            "Licence": self.licence,
            "Made with": f"stcn_plugin {__version__}",
        }
        table = "\n".join(f"| {key} | {_cell(value)} |" for key, value in rows.items())
        settings = yaml.safe_dump(_without_folders(config.model_dump(mode="json")), sort_keys=False, allow_unicode=True)
        return (
            f"# {config.description or name}\n\n`{name}`\n\n| | |\n|---|---|\n{table}\n\n"
            f"{self._scores()}## Configuration\n\n```yaml\n{settings}```\n"
        )

    def _scores(self) -> str:
        if self.validation is None:
            return ""
        rows = "\n".join(f"| {clip} | {score:.3f} |" for clip, score in self.validation.scores.items())
        lines = self.config.validation.lines
        return (
            f"## Validation\n\nFrom the first mask alone, {lines} lines, the first and the last frame left out:\n\n"
            f"| Clip | J&F |\n|---|---|\n{rows}\n| **mean** | **{self.validation.mean:.3f}** |\n\n"
        )


def _without_folders(said: Any) -> Any:
    """Return settings with files by their names alone: where they lie concerns nobody who reads the card."""
    if isinstance(said, list):
        return [_without_folders(each) for each in said]
    if not isinstance(said, dict):
        return said
    return {key: _last(value) if key in _FILES and value else _without_folders(value) for key, value in said.items()}


def _name(source: Folder) -> str:
    return _last(source.folder)


def _last(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
