"""A stand-in for the Blender program."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

STAND_IN = """\
#!{python}
import json, sys, types, zipfile
from pathlib import Path
here = Path({here!r})
facts = json.loads((here / "facts.json").read_text())
with (here / "calls.txt").open("a") as log:
    log.write(" ".join(sys.argv[1:]).partition(chr(10))[0] + chr(10))
if "--python-expr" in sys.argv:
    print("other output of Blender")
    preferences = types.SimpleNamespace(addons=[types.SimpleNamespace(module=name) for name in facts["enabled"]])
    if facts["repositories"] is not None:
        repos = [types.SimpleNamespace(module=name, directory=path) for name, path in facts["repositories"].items()]
        preferences.extensions = types.SimpleNamespace(repos=repos)
    bpy = types.ModuleType("bpy")
    bpy.app = types.SimpleNamespace(version=tuple(facts["version"]))
    bpy.context = types.SimpleNamespace(preferences=preferences)
    sys.modules["bpy"] = bpy
    exec(sys.argv[sys.argv.index("--python-expr") + 1])
elif sys.argv[1:3] == ["--command", "extension"]:
    if facts["fails"]:
        print("Error: the repository is locked", file=sys.stderr)
        sys.exit(1)
    if sys.argv[3:7] == ["install-file", "-r", "user_default", "-e"] and not facts["lies"]:
        with zipfile.ZipFile(sys.argv[7]) as archive:
            archive.extractall(Path(facts["repositories"]["user_default"]) / "stcn_plugin")
        facts["enabled"].append("bl_ext.user_default.stcn_plugin")
        (here / "facts.json").write_text(json.dumps(facts))
else:
    sys.exit(9)
"""


@pytest.fixture
def stand_in(tmp_path) -> Callable[..., Path]:
    """Create a program that answers like Blender, with the given facts; it logs its calls in ``calls.txt``."""

    def make(**facts: object) -> Path:
        here = tmp_path / "blender"
        here.mkdir()
        default = {
            "version": (4, 5, 15),
            "repositories": {"user_default": str(here / "extensions")},
            "enabled": [],
            "fails": False,
            "lies": False,
        }
        (here / "facts.json").write_text(json.dumps({**default, **facts}))
        program = here / "blender"
        program.write_text(STAND_IN.format(python=sys.executable, here=str(here)))
        program.chmod(0o755)
        return program

    return make
