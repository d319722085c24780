"""Propagates without a window: ``blender -b FILE.blend --python-exit-code 3 -P batch.py -- --help``."""

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import bpy

_ID = "stcn_plugin"
_HERE = Path(__file__).resolve().parent
_PACKAGE = "stcn_blender"


def _extension() -> ModuleType:
    """Return the extension: the installed and enabled one, otherwise the one next to this file."""
    for name in bpy.context.preferences.addons.keys():  # noqa: SIM118 - iterating yields values
        if name.rpartition(".")[2] == _ID:
            return importlib.import_module(name)
    if importlib.util.find_spec(_ID) is None:
        # In a checkout the package is two folders up; in a wheel, this file is inside it.
        root = next((folder for folder in _HERE.parents if (folder / _ID / "bridge").is_dir()), _HERE)
        # At the end, because packages next to a wheel must not shadow Blender's own versions of them.
        sys.path.append(str(root))
    source = _HERE / "extension"
    spec = importlib.util.spec_from_file_location(
        _PACKAGE, source / "__init__.py", submodule_search_locations=[str(source)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(f"{source} does not exist")
    package = importlib.util.module_from_spec(spec)
    sys.modules[_PACKAGE] = package
    spec.loader.exec_module(package)
    package.register()
    return package


def _main() -> int:
    arguments = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    try:
        extension = _extension()
    except ImportError as error:
        sys.stderr.write(f"stcn: error: the extension cannot be loaded ({error}). Run `stcn install blender`.\n")
        return 1
    batch = importlib.import_module(f"{extension.__name__}.batch")
    return int(batch.main(arguments))


if __name__ == "__main__":
    sys.exit(_main())
