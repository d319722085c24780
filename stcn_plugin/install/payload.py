"""The files of a host plugin: its own, the bridge, and pluggy, copied from the installation of this package."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path, PurePosixPath

import stcn_plugin
from stcn_plugin.errors import InstallError

Files = dict[str, bytes]
"""Contents by relative path with forward slashes."""

_PACKAGE = Path(stcn_plugin.__file__).parent
_BRIDGE = ("__init__.py", "environment.py", "errors.py", "frames.py", "py.typed")
_KEPT_METADATA = ("METADATA", "LICEN", "COPYING", "AUTHORS", "NOTICE")
_REINSTALL = "Install stcn_plugin again"


def host_files(host: str) -> Files:
    """Return the files of the plugin for one host.

    Args:
        host: Folder under ``hosts``, such as ``nuke`` or ``blender/extension``.

    Raises:
        InstallError: They are missing from this installation.
    """
    files = _files_under(hosts_folder() / host)
    if not files:
        raise InstallError("the host's files are missing", where=str(hosts_folder() / host), fix=_REINSTALL)
    return files


def hosts_folder() -> Path:
    """Return the folder with the files of all hosts: in the installed package, or next to it in a checkout."""
    inside = _PACKAGE / "_hosts"
    return inside if inside.is_dir() else _PACKAGE.parent / "hosts"


def bridge_files() -> Files:
    """Return the part of this package that runs in a host."""
    files = {f"stcn_plugin/{name}": (_PACKAGE / name).read_bytes() for name in _BRIDGE}
    files |= {f"stcn_plugin/bridge/{name}": data for name, data in _files_under(_PACKAGE / "bridge").items()}
    return files


def site_files() -> Files:
    """Return the bridge and pluggy in a folder ``site``, to be added to the Python path of a host."""
    files = {**bridge_files(), **pluggy_files(), "stcn_plugin/LICENSE": licence()}
    return {f"site/{name}": data for name, data in files.items()}


def licence() -> bytes:
    """Return the licence of this package.

    Raises:
        InstallError: It is missing from this installation.
    """
    for path in (_PACKAGE / "_hosts" / "LICENSE", _PACKAGE.parent / "LICENSE"):
        if path.is_file():
            return path.read_bytes()
    raise InstallError("the licence is missing from this installation", where=str(_PACKAGE), fix=_REINSTALL)


def pluggy_version() -> str:
    """Return the version of the installed pluggy.

    Raises:
        InstallError: pluggy is not installed.
    """
    return _pluggy().version


def pluggy_files() -> Files:
    """Return the installed pluggy: its modules, its metadata and its licence.

    Raises:
        InstallError: pluggy is not installed, or has no record of its files.
    """
    found = _pluggy()
    files = {}
    for path in found.files or ():
        name = path.as_posix()
        if _belongs(PurePosixPath(name)):
            files[name] = Path(str(found.locate_file(path))).read_bytes()
    if "pluggy/__init__.py" not in files:
        raise InstallError("the files of pluggy are not recorded", fix="Install pluggy again with pip")
    return dict(sorted(files.items()))


def _pluggy() -> Distribution:
    try:
        return distribution("pluggy")
    except PackageNotFoundError:
        raise InstallError("pluggy is not installed", fix=_REINSTALL) from None


def _belongs(path: PurePosixPath) -> bool:
    top = path.parts[0]
    if top == "pluggy":
        return path.suffix in {".py", ".typed"}
    return top.endswith(".dist-info") and path.name.startswith(_KEPT_METADATA)


def _files_under(folder: Path) -> Files:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(_walk(folder))}


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, except hidden and compiled ones."""
    for path in folder.rglob("*"):
        parts = path.relative_to(folder).parts
        if path.is_file() and "__pycache__" not in parts and not any(part.startswith(".") for part in parts):
            yield path
