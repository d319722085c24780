"""Imports between packages go downwards only, and heavy libraries are imported only when they are needed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import stcn_plugin

PACKAGE = Path(stcn_plugin.__file__).parent

# A package may import itself and the packages of lower layers, but not others of its own layer.
LAYERS = [
    {"errors", "environment", "patches", "processes", "threads"},
    {
        "choices",
        "frames",
        "atomic",
        "device_failures",
        "motion",
        "regular_files",
        "reserved_names",
        "response",
        "window",
    },
    {"bridge"},
    {"network", "memory", "config"},
    {"media", "presets", "weights"},
    {"shot"},
    {"propagation", "matte", "evaluation", "studio"},
    {"cache", "install"},
    {"confidence"},
    {"job"},
    {"training"},
    {"worker"},
    {"farm", "review"},
    {"cli"},
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
    "matte": "OpenImageIO",
    "evaluation": "torch",
    "studio": "torch OpenImageIO",
    "install": "torch OpenImageIO",
    "confidence": "torch OpenImageIO",
    "review": "torch OpenImageIO",
}
# Exceptions: packages of lower layers that must not be imported.
FORBIDDEN = {
    "media": {"network", "memory", "config"},
    "matte": {"memory", "config", "media", "shot", "weights"},
    "propagation": {"media", "presets", "shot", "config", "weights"},
    "worker": {"training"},
    "farm": {"training"},
    "cli": {"worker"},
    "evaluation": {"network", "memory", "presets", "shot", "config", "weights"},
}
# The public API names its modules for type checkers, and imports them on access.
API = {"__init__", "__main__"}
# In a wheel, the package contains the files of the hosts, which run inside their hosts with the bridge alone.
HOST_FILES = {"_hosts"}


def modules():
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        if parts[0] not in API | HOST_FILES:
            yield pytest.param(path, parts[0], id=".".join(parts))


def imported(path: Path) -> set[str]:
    """Return every module that a file imports, anywhere in it."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize(("path", "package"), list(modules()))
def test_imports_go_downwards_only(path, package):
    """A module imports only its own package and packages of lower layers."""
    level = next(number for number, packages in enumerate(LAYERS) if package in packages)
    allowed = {package}.union(*LAYERS[:level]) - FORBIDDEN.get(package, set())
    allowed.add("__version__")
    for name in imported(path):
        root, _, rest = name.partition(".")
        if root == "stcn_plugin" and rest:
            assert rest.partition(".")[0] in allowed, f"{package} imports {name}"
        for heavy in HEAVY.get(package, "").split():
            assert root != heavy, f"{package} imports {heavy}"


def loaded_after(code: str) -> set[str]:
    """Return the top-level modules that a new interpreter has loaded after running some code."""
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
        ("from stcn_plugin.cli import stcn; stcn.main(['farm', '--help'], standalone_mode=False)", {"torch", "OpenImageIO", "numpy", "pydantic"}),
        ("from stcn_plugin.cli import stcn; stcn.main(['weights', 'list'], standalone_mode=False)", {"torch", "OpenImageIO"}),
    ],
)  # fmt: skip
def test_heavy_libraries_are_imported_only_when_needed(code, absent):
    """The package, its presets and its help start without torch and OpenImageIO."""
    assert loaded_after(code) & absent == set()


def test_the_public_api_is_complete():
    """Every listed name exists and has a docstring, and no other name is visible."""
    for name in stcn_plugin.__all__:
        assert getattr(stcn_plugin, name).__doc__, name
    assert set(dir(stcn_plugin)) == {*stcn_plugin.__all__, "__version__"}
    with pytest.raises(AttributeError, match="no attribute 'unknown'"):
        _ = stcn_plugin.unknown
