"""The Blender program: finding it, querying it, and running its extension commands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import final

from stcn_plugin.bridge.files import expanded
from stcn_plugin.bridge.launch import without_python
from stcn_plugin.errors import InstallError

REPOSITORY = "user_default"
"""Blender's repository for extensions that are installed from disk."""

OLDEST = (4, 2)
"""The first version of Blender with extensions."""

BY_HAND = "drag it into Blender's window, or use Edit > Preferences > Get Extensions > (arrow at the top right) > Install from Disk"

_SECONDS = 300.0
_MARK = "stcn-facts: "
_QUERY = """
import bpy, json
facts = {"version": bpy.app.version}
preferences = bpy.context.preferences
if hasattr(preferences, "extensions"):
    facts["repositories"] = {repo.module: repo.directory for repo in preferences.extensions.repos}
    facts["enabled"] = [addon.module for addon in preferences.addons]
print("MARK" + json.dumps(facts), flush=True)
""".replace("MARK", _MARK)

_COMMON_PATHS = {
    "darwin": ("/Applications/Blender.app/Contents/MacOS/Blender",),
    "win32": ("C:/Program Files/Blender Foundation/*/blender.exe",),
}
_COMMON_PATHS_LINUX = ("/opt/blender*/blender", "/snap/bin/blender", "/usr/local/blender*/blender")


@dataclass(frozen=True)
class ExtensionState:
    """State of an extension in Blender.

    Args:
        folder: Its folder, whether installed or not.
        is_enabled: Whether it is enabled.
    """

    folder: Path
    is_enabled: bool


@final
@dataclass(frozen=True)
class BlenderProgram:
    """A Blender program.

    Args:
        path: Path of the program.
    """

    path: Path

    @classmethod
    def find(cls, named: Path | None = None) -> BlenderProgram | None:
        """Return the given Blender, or one on PATH or in a common place; ``None`` if there is none.

        Args:
            named: Path or name of the program.

        Raises:
            InstallError: There is no such program.
        """
        if named is not None:
            named = expanded(named, error=InstallError)
            found = shutil.which(named.absolute()) or shutil.which(named)
            if found is None:
                raise InstallError(
                    "there is no program of that name",
                    where=str(named),
                    fix="Give the path of the Blender program",
                )
            return cls(Path(found).absolute())
        found = shutil.which("blender")
        if found is not None:
            return cls(Path(found).absolute())
        patterns = _COMMON_PATHS.get(sys.platform, _COMMON_PATHS_LINUX)
        places = [path for pattern in patterns for path in _matches(pattern) if os.access(path, os.X_OK)]
        return cls(places[-1]) if places else None  # sorted, so the last is the newest

    def query(self, extension: str) -> ExtensionState:
        """Start Blender in the background and query the state of an extension.

        Args:
            extension: Id of the extension.

        Raises:
            InstallError: Blender cannot be started, is too old, or has no repository for user extensions.
        """
        output = self._run("--background", "--python-exit-code", "3", "--python-expr", _QUERY)
        answer = next((line for line in output.splitlines() if line.startswith(_MARK)), None)
        if answer is None:
            raise InstallError(
                "Blender did not answer",
                where=str(self.path),
                fix=_with_output("Give the path of the Blender program", output),
            )
        facts = json.loads(answer[len(_MARK) :])
        version = tuple(facts["version"])
        if version[:2] < OLDEST:
            raise InstallError(
                f"Blender {'.'.join(map(str, version))} is too old: extensions need {'.'.join(map(str, OLDEST))} or later",
                where=str(self.path),
                fix="Choose a newer one with --blender PATH, or only build the extension with --zip FILE",
            )
        repositories = facts["repositories"]
        if REPOSITORY not in repositories:
            raise InstallError(
                f"Blender has no repository '{REPOSITORY}'",
                where=str(self.path),
                fix="Add a local repository of that module name under Edit > Preferences > Get Extensions > Repositories",
            )
        module = f"bl_ext.{REPOSITORY}.{extension}"
        return ExtensionState(Path(repositories[REPOSITORY]) / extension, module in facts["enabled"])

    def command(self, *arguments: str) -> None:
        """Run one of Blender's extension commands.

        Args:
            arguments: Arguments after ``blender --command extension``.

        Raises:
            InstallError: The command failed; the error has its output.
        """
        self._run("--command", "extension", *arguments)

    def _run(self, *arguments: str) -> str:
        """Run Blender and return its output."""
        try:
            result = subprocess.run(  # noqa: S603 - a program of the user, without a shell
                [str(self.path), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                env=without_python(os.environ),
                timeout=_SECONDS,
                check=False,
            )
        except OSError as error:
            raise InstallError(
                f"Blender cannot be started ({error.strerror})",
                where=str(self.path),
                fix="Choose another one with --blender PATH",
            ) from None
        except subprocess.TimeoutExpired:
            raise InstallError(
                f"Blender did not finish within {_SECONDS:.0f} s and was stopped",
                where=str(self.path),
                fix="Close other Blenders and try again",
            ) from None
        output = result.stdout.decode("utf-8", "replace")
        if result.returncode != 0:
            code = result.returncode
            how = f"crashed (signal {-code})" if code < 0 else f"failed with exit code {code}"
            raise InstallError(
                f"Blender {how} at `{' '.join(_shown(arguments))}`",
                where=str(self.path),
                fix=_with_output("Close other Blenders and try again", output),
            )
        return output


def _matches(pattern: str) -> list[Path]:
    root = Path(pattern).anchor
    return sorted(Path(root).glob(Path(pattern).relative_to(root).as_posix()))


def _shown(arguments: Sequence[str]) -> list[str]:
    return ["..." if "\n" in argument else argument for argument in arguments]


def _with_output(fix: str, output: str) -> str:
    """Append the last lines of Blender's output."""
    lines = "\n  ".join([line.strip() for line in output.splitlines() if line.strip()][-12:])
    return f"{fix}. Output of Blender:\n  {lines}" if lines else fix
