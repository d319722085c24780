"""The Blender extension: building the zip, and installing and removing it with Blender's commands."""

from __future__ import annotations

import json
import re
import tempfile
from pathlib import Path

from stcn_plugin import __version__
from stcn_plugin.atomic import Outputs
from stcn_plugin.bridge.files import expanded
from stcn_plugin.errors import InstallError
from stcn_plugin.install.archives import wheel, wheel_name, zipped
from stcn_plugin.install.blender_program import REPOSITORY, BlenderProgram
from stcn_plugin.install.folder import Changes, install_errors
from stcn_plugin.install.payload import Files, bridge_files, host_files, licence, pluggy_files, pluggy_version

MANIFEST = "blender_manifest.toml"
WORKER = "worker.json"

_BRIDGE = "stcn_plugin_bridge"
_VERSION_LINE = re.compile(r'^version *= *"[^"]*" *$', re.MULTILINE)
_WHEELS_KEY = re.compile(r"^wheels *= *\[[^\]]*\] *\n", re.MULTILINE)
_ID_LINE = re.compile(r'^id *= *"(\w+)" *$', re.MULTILINE)
_METADATA = f"""\
Metadata-Version: 2.1
Name: stcn-plugin-bridge
Version: {__version__}
Summary: The part of stcn_plugin that runs inside compositing tools.
License: MIT
Requires-Python: >=3.9
Requires-Dist: pluggy
"""


def build_extension(target: Path, *, python: str) -> Path:
    """Write the extension as a zip. The same version and interpreter give the same bytes.

    Args:
        target: Path of the zip, or its folder.
        python: Interpreter of the worker, unless set in the preferences.

    Returns:
        Path of the zip.

    Raises:
        InstallError: A file is missing from this installation, or the zip cannot be written.
    """
    target = expanded(target, error=InstallError).absolute()
    if target.is_dir():
        target /= f"{extension_id()}-{__version__}.zip"
    data = zipped(extension_files(python))
    with install_errors(target):
        Outputs().write(target, data)
    return target


def install(blender: BlenderProgram, *, python: str, dry_run: bool = False) -> Changes:
    """Install and enable the extension; does nothing if this version is already installed.

    Args:
        blender: The program.
        python: Interpreter of the worker, unless set in the preferences.
        dry_run: Change nothing; only return the changes.

    Raises:
        InstallError: Blender is too old, or its command failed.
    """
    files = extension_files(python)
    name = extension_id()
    state = blender.query(name)
    with install_errors(state.folder):
        stale = tuple(
            state.folder / file
            for file, data in files.items()
            if not (state.folder / file).is_file() or (state.folder / file).read_bytes() != data
        )
    if not stale and state.is_enabled:
        return Changes()
    if not dry_run:
        with tempfile.TemporaryDirectory(prefix="stcn-") as folder:
            archive = build_extension(Path(folder), python=python)
            blender.command("install-file", "-r", REPOSITORY, "-e", str(archive))
        if not (state.folder / MANIFEST).is_file():
            raise InstallError(
                "Blender reported no error, but the extension is not installed",
                where=str(state.folder),
                fix="Install the zip by hand: `stcn install blender --zip FILE` builds it",
            )
    return Changes(written=stale or (state.folder,))


def uninstall(blender: BlenderProgram, *, dry_run: bool = False) -> Changes:
    """Disable and remove the extension.

    Args:
        blender: The program.
        dry_run: Change nothing; only return the changes.

    Raises:
        InstallError: Blender is too old, or its command failed.
    """
    name = extension_id()
    state = blender.query(name)
    if not (state.folder / MANIFEST).is_file():
        return Changes()
    if not dry_run:
        blender.command("remove", f"{REPOSITORY}.{name}")
    return Changes(removed=(state.folder,))


def extension_files(python: str) -> Files:
    """Return the contents of the zip by path.

    Args:
        python: Interpreter of the worker.

    Raises:
        InstallError: A file is missing from this installation, or the manifest is invalid.
    """
    files = host_files("blender/extension")
    wheels = _wheels()
    files |= {f"wheels/{name}": data for name, data in wheels.items()}
    files[MANIFEST] = _complete_manifest(_manifest(files), wheels)
    files[WORKER] = (json.dumps({"python": python, "version": __version__}, indent=2) + "\n").encode()
    return files


def extension_id() -> str:
    """Return the id of the extension in Blender.

    Raises:
        InstallError: The manifest is missing or has no id.
    """
    match = _ID_LINE.search(_manifest(host_files("blender/extension")))
    if match is None:
        raise InstallError("the extension's manifest has no id", where=MANIFEST)
    return match[1]


def _manifest(files: Files) -> str:
    if MANIFEST not in files:
        raise InstallError("the extension's manifest is missing", where=MANIFEST, fix="Install stcn_plugin again")
    return files[MANIFEST].decode()


def _complete_manifest(manifest: str, wheels: Files) -> bytes:
    """Return the manifest with the version of this package and the wheels."""
    lines = "".join(f'  "./wheels/{name}",\n' for name in sorted(wheels))
    ours = f'version = "{__version__}"\nwheels = [\n{lines}]'
    text, count = _VERSION_LINE.subn(lambda _: ours, _WHEELS_KEY.sub("", manifest))
    if count != 1:
        raise InstallError("the extension's manifest needs one line with its version", where=MANIFEST)
    return text.encode()


def _wheels() -> Files:
    version = pluggy_version()
    pluggy = pluggy_files()
    modules = {name: data for name, data in pluggy.items() if name.startswith("pluggy/")}
    information = {name.partition("/")[2]: data for name, data in pluggy.items() if name not in modules}
    bridge = {"METADATA": _METADATA.encode(), "licenses/LICENSE": licence()}
    return {
        wheel_name("pluggy", version): wheel("pluggy", version, modules, information),
        wheel_name(_BRIDGE, __version__): wheel(_BRIDGE, __version__, bridge_files(), bridge),
    }
