"""The environment variables that stcn_plugin reads, each named in this module only.

`stcn doctor` lists the ones that are set, and ``docs/reference/environment.md`` is generated from `VARIABLES`. Standard
library only, for Python 3.9 and later: the plugins inside Nuke and Blender use it too.
"""

from __future__ import annotations

import os
from dataclasses import dataclass


@dataclass(frozen=True)
class Variable:
    """One environment variable.

    Args:
        name: Its name.
        meaning: What it sets, and what applies if it is not set.
        used_by: The programs and commands that read it.
    """

    name: str
    meaning: str
    used_by: str

    def value(self) -> str:
        """Return the value without surrounding white space; empty if the variable is not set."""
        return os.environ.get(self.name, "").strip()

    def entries(self) -> tuple[str, ...]:
        """Return the entries of a list separated like ``PATH``; empty entries are left out."""
        entries = (entry.strip() for entry in self.value().split(os.pathsep))
        return tuple(entry for entry in entries if entry)


PRESET_PATH = Variable(
    "STCN_PRESET_PATH",
    "Folders with the studio's presets, separated like `PATH`. If several have a preset of the same name, the first is "
    "used. They override the built-in presets.",
    "every command and job that looks up a preset",
)
WEIGHTS_DIR = Variable(
    "STCN_WEIGHTS_DIR",
    "Folder of the weights store. Without it, the store is the folder `weights` in the user's data folder for "
    "`stcn_plugin` (on Linux `~/.local/share/stcn_plugin/weights`), or for users without a home folder in that of the system.",
    "every command and job that looks up weights; `--store` of `stcn weights` overrides it",
)
PLUGINS = Variable(
    "STCN_PLUGINS",
    "Studio plugins to load: modules, files or folders, separated like `PATH`.",
    "the worker, and every command that looks up presets or weights",
)
WORKER_PYTHON = Variable(
    "STCN_WORKER_PYTHON",
    "The Python that runs the worker. Without it, the Nuke, Blender and Krita plugins use the Python that `stcn install` recorded; "
    "the preferences of the Blender extension override both.",
    "the Nuke, Blender and Krita plugins, and their `batch.py`",
)
TIMEOUTS = Variable(
    "STCN_TIMEOUTS",
    "Time limits of a worker in seconds, such as `stall=7200,cancel=300`: `start` until its first message, `silence` "
    "without a message, `stall` without progress, `cancel` for stopping a job, `quit` for exiting.",
    "the command line and the Nuke and Blender plugins",
)
OCIO = Variable(
    "OCIO",
    "The OCIO config that `colour.config: auto` uses. Without it, `auto` is OpenColorIO's built-in config "
    "`ocio://default`.",
    "the worker, and the Nuke and Blender plugins when they name the plate's colour space",
)
WORLD_SIZE = Variable(
    "WORLD_SIZE", "Number of training processes. Set by `torchrun`; 1 without it.", "`stcn train` under `torchrun`"
)
RANK = Variable(
    "RANK",
    "Number of this training process; process 0 writes the files. Set by `torchrun`; 0 without it.",
    "`stcn train` under `torchrun`",
)
LOCAL_RANK = Variable(
    "LOCAL_RANK",
    "Which GPU of this machine the training process uses. Set by `torchrun`.",
    "`stcn train` under `torchrun`",
)

VARIABLES = (PRESET_PATH, WEIGHTS_DIR, PLUGINS, WORKER_PYTHON, TIMEOUTS, OCIO, WORLD_SIZE, RANK, LOCAL_RANK)
"""Every variable that the package and the host plugins read."""
