"""Provenance of trained weights: the metadata in their file, and the model card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from stcn_plugin import __version__
from stcn_plugin.training.config import Folder, TrainingConfig
from stcn_plugin.training.reports import ValidationReport
from stcn_plugin.weights.reading import OBJECT_SIZE_KEY

_ALL_OF = "all of: "
_SEPARATOR = " + "
_PATHS = ("init_weights", "out", "folder", "file")

_OBJECT_IN_CROP = 0.8
"""Larger dimension of the large objects of a crop, as a fraction of its side."""


@dataclass(frozen=True)
class Provenance:
    """Where weights come from, and how good they are.

    Args:
        config: Configuration of the run.
        step: Steps trained.
        seconds: Training time.
        device: Device trained on.
        validation: Validation scores, if any.
        init_licence: Licence of the initial weights; empty for random ones.
    """

    config: TrainingConfig
    step: int
    seconds: float
    device: str
    validation: ValidationReport | None
    init_licence: str = ""

    @property
    def licences(self) -> tuple[str, ...]:
        """Licences of the training data and of the initial weights, each once. All of them apply to the weights."""
        encoder = self.config.init_key_encoder
        data = (source.licence for source in self._sources)
        licences = [*data, *self._init_licences, encoder.licence if encoder else ""]
        return tuple(dict.fromkeys(licence for licence in licences if licence))

    @property
    def licence(self) -> str:
        """All licences on one line."""
        return _ALL_OF + _SEPARATOR.join(self.licences)

    @property
    def data(self) -> str:
        """Training data and their licences on one line."""
        return "; ".join(f"{_base_name(source.folder)} ({source.licence})" for source in self._sources)

    @property
    def _init_licences(self) -> list[str]:
        text = self.init_licence
        return text.removeprefix(_ALL_OF).split(_SEPARATOR) if text.startswith(_ALL_OF) else [text]

    @property
    def _sources(self) -> list[Folder]:
        data = self.config.data
        return [*data.clips, *data.stills, *data.elements]

    def metadata(self) -> Mapping[str, str]:
        """Return the metadata of the weights file."""
        scores = {"validation": f"J&F {self.validation.mean:.4f}"} if self.validation else {}
        return {
            "license": self.licence,
            "source": f"stcn train, {self.step} steps",
            "data": self.data,
            OBJECT_SIZE_KEY: str(round(_OBJECT_IN_CROP * max(self.config.steps.crop_size))),
            **({"title": self.config.description} if self.config.description else {}),
            **scores,
        }

    def markdown(self, *, name: str, size: int) -> str:
        """Return the model card.

        Args:
            name: File name of the weights.
            size: Size of the file in bytes.
        """
        config = self.config
        encoder = config.init_key_encoder
        initial = _base_name(config.init_weights or "") or (
            f"key encoder {_base_name(encoder.file)}, others random" if encoder else "random"
        )
        rows = {
            "Network": config.variant,
            "Size": f"{size / 1e6:.1f} MB",
            "Trained on": self.data,
            "Initial weights": initial,
            "Steps": f"{self.step} of {config.steps.batch_size} samples, {self.seconds / 3600:.1f} hours on {self.device}",
            "Licence": self.licence,
            "Made with": f"stcn_plugin {__version__}",
        }
        table = "\n".join(f"| {key} | {_cell(value)} |" for key, value in rows.items())
        settings = _without_directories(config.model_dump(mode="json"))
        configuration = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
        return (
            f"# {config.description or name}\n\n`{name}`\n\n| | |\n|---|---|\n{table}\n\n"
            f"{self._scores()}## Configuration\n\n```yaml\n{configuration}```\n"
        )

    def _scores(self) -> str:
        if self.validation is None:
            return ""
        rows = "\n".join(f"| {clip} | {score:.3f} |" for clip, score in self.validation.scores.items())
        size = self.config.validation.size
        return (
            f"## Validation\n\nFrom the first mask alone, {size} lines, without the first and the last frame:\n\n"
            f"| Clip | J&F |\n|---|---|\n{rows}\n| **mean** | **{self.validation.mean:.3f}** |\n\n"
        )


def _without_directories(settings: Any) -> Any:
    """Reduce all paths in settings to their base names; a card does not disclose directories of this machine."""
    if isinstance(settings, list):
        return [_without_directories(each) for each in settings]
    if not isinstance(settings, dict):
        return settings
    return {
        key: _base_name(value) if key in _PATHS and value else _without_directories(value)
        for key, value in settings.items()
    }


def _base_name(path: str) -> str:
    return path.rstrip("/").rpartition("/")[2]


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")
