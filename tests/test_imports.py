"""What imports what: rooms know only the rooms below them, and nothing heavy loads before it is needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import stcn_plugin

PACKAGE = Path(stcn_plugin.__file__).parent

# A room may import itself and the rooms of every layer below its own; rooms of one layer do not know each other.
LAYERS = [
    {"errors", "environment"},
    {"frames", "atomic", "device_failures", "regular_files", "reserved_names"},
    {"bridge"},
    {"network", "memory", "config"},
    {"media", "presets", "weights"},
    {"shot"},
    {"propagation", "evaluation", "studio"},
    {"job", "install"},
    {"training"},
    {"cli", "worker"},
]
HEAVY = {
    "network": "OpenImageIO",
    "memory": "OpenImageIO",
    "config": "torch OpenImageIO",
    "media": "torch",
    "presets": "torch OpenImageIO",
    "shot": "torch OpenImageIO",
    "weights": "OpenImageIO",
    "propagation": "OpenImageIO",
    "evaluation": "torch",
    "studio": "torch OpenImageIO",
    "install": "torch OpenImageIO",
}
# Narrower than their layer allows: propagation knows no files, evaluation no network.
STRANGERS = {
    "media": {"network", "memory", "config"},
    "propagation": {"media", "presets", "shot", "config", "weights"},
    "worker": {"training"},
    "evaluation": {"network", "memory", "presets", "shot", "config", "weights"},
}
# The public surface names its homes for the sake of types; it loads them only when they are asked for.
SURFACE = {"__init__", "__main__"}
# Where the package came from a wheel, the hosts' files lie inside it; they run in their hosts, beside the bridge alone.
CARRIED = {"_hosts"}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in SURFACE | CARRIED:
            yield pytest.param(path, parts[0], id=".".join(parts))


def imported(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize(("path", "room"), list(modules()))
def test_rooms_import_downwards_only(path, room):
    """A module imports its own room and rooms of lower layers, and nothing else of the package."""
    level = next(number for number, rooms in enumerate(LAYERS) if room in rooms)
    allowed = {room}.union(*LAYERS[:level]) - STRANGERS.get(room, set())
    allowed.add("__version__")
    for name in imported(path):
        package, _, rest = name.partition(".")
        if package == "stcn_plugin" and rest:
            assert rest.partition(".")[0] in allowed, f"{name} in {room}"
        for heavy in HEAVY.get(room, "").split():
            assert package != heavy, f"{room} knows {heavy}"


def loaded_after(code: str) -> set[str]:
    """The top-level modules that a fresh interpreter has loaded after running some code."""
    program = f"import sys\n{code}\nprint('\\n'.join(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return set(result.stdout.split())


@pytest.mark.parametrize(
    ("code", "absent"),
    [
        ("import stcn_plugin", {"torch", "OpenImageIO", "numpy", "pydantic", "click", "rich"}),
        ("import stcn_plugin.media.window", {"torch", "OpenImageIO", "numpy"}),
        ("from stcn_plugin.studio import studio_hooks; studio_hooks()", {"torch", "OpenImageIO", "numpy"}),
        ("import stcn_plugin.shot.file", {"torch", "OpenImageIO", "numpy"}),
        ("from stcn_plugin.cli import stcn; stcn.main(['--help'], standalone_mode=False)", {"torch", "OpenImageIO", "numpy", "rich", "pydantic"}),
        ("from stcn_plugin.cli import stcn; stcn.main(['presets', 'list'], standalone_mode=False)", {"torch", "OpenImageIO", "numpy"}),
        ("from stcn_plugin.cli import stcn; stcn.main(['weights', 'list'], standalone_mode=False)", {"torch", "OpenImageIO"}),
    ],
)  # fmt: skip
def test_nothing_heavy_loads_before_it_is_needed(code, absent):
    """The package, its presets and its help start without torch or OpenImageIO."""
    assert loaded_after(code) & absent == set()


def test_the_public_surface_is_what_it_says():
    """Every name of the surface is there, documented, and listed; no other is."""
    for name in stcn_plugin.__all__:
        assert getattr(stcn_plugin, name).__doc__, name
    assert set(dir(stcn_plugin)) == {*stcn_plugin.__all__, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = stcn_plugin.nonsense
