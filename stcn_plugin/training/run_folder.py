"""The folder of a training run: its configuration, and a lock that keeps other processes out."""

from __future__ import annotations

import fcntl
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

from stcn_plugin.atomic import Outputs, write_atomic
from stcn_plugin.errors import TrainingError
from stcn_plugin.presets.fields import Section
from stcn_plugin.training.config import load_saved_config

WEIGHTS = "weights.safetensors"
"""File name of the weights of a run: the best validated ones, or the last ones without validation."""

CARD = "MODEL_CARD.md"
"""File name of the model card."""

_CONFIG = "config.yaml"
_LOCK = ".lock"


@contextmanager
def run_folder(folder: Path, config: Section, *, may_change: Collection[str]) -> Iterator[None]:
    """Create the folder of a run, save its configuration, and keep other runs out of it while the context lasts.

    Args:
        folder: The folder.
        config: The configuration.
        may_change: Settings that a resumed run may change.

    Raises:
        TrainingError: Another process trains in the folder, or it contains a run with other settings.
        OutputError: It cannot be written.
    """
    Outputs().prepare([folder / name for name in (_CONFIG, WEIGHTS, CARD, _LOCK)])
    # The system releases the lock when the process ends, however it ends.
    with (folder / _LOCK).open("ab") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise TrainingError(
                "another process trains in this folder",
                where=str(folder),
                fix="Wait until it has finished, stop it, or choose another folder with out:",
            ) from None
        except OSError:  # some network file systems have no locks
            pass
        _save(folder, config, may_change)
        yield


def _save(folder: Path, config: Section, may_change: Collection[str]) -> None:
    """Save the configuration of a new run; check that of an existing one."""
    file = folder / _CONFIG
    settings = config.model_dump(mode="json")
    if file.exists():
        saved = load_saved_config(file, type(config)).model_dump(mode="json")
        if saved == settings:
            return
        changed = sorted(key for key in settings if key not in may_change and settings[key] != saved.get(key))
        if changed:
            raise TrainingError(
                f"the run in this folder has other settings in {', '.join(changed)}",
                where=str(folder),
                fix="Choose another folder with out:, or delete this one to start again",
            )
    text = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    write_atomic(file, text.encode("utf-8"))
