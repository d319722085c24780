"""``environment.md``: every environment variable."""

from __future__ import annotations

from generator.text import table
from stcn_plugin.environment import VARIABLES

_INTRO = """\
# Environment variables

`stcn doctor` lists the ones that are set. A worker that another tool starts gets the tool's environment without the
variables of Python itself (`PYTHONPATH`, `PYTHONHOME` and so on).

Lists are separated like `PATH`: with `:`, on Windows with `;`.
"""

_LIBRARIES = """\
## Read by libraries

| variable | effect |
| --- | --- |
| `HTTPS_PROXY`, `NO_PROXY` | proxy for `stcn weights fetch`, the only command that downloads anything |
| `CUDA_VISIBLE_DEVICES` | the GPUs that torch sees |
| `XDG_DATA_HOME` | on Linux, the parent of the user's data folder, instead of `~/.local/share` |
| `TMPDIR` | folder for temporary files |
"""


def page() -> str:
    """Return the page."""
    rows = [(f"`{each.name}`", each.meaning, each.used_by) for each in VARIABLES]
    return "\n".join((_INTRO, table(("variable", "meaning", "read by"), rows), "", _LIBRARIES))
