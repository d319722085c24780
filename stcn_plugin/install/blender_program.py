"""Blender as a program: where it is, what it says of itself, and its own extension commands."""

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

from stcn_plugin.bridge.launch import without_python
from stcn_plugin.errors import InstallError

REPOSITORY = "user_default"
"""Blender's repository for what a user installs from disk."""

OLDEST = (4, 2)
"""The first Blender with extensions."""

BY_HAND = "drag it into Blender's window, or use Edit > Preferences > Get Extensions > (arrow at the top right) > Install from Disk"

_SECONDS = 300.0
_MARK = "stcn-says: "
_ASK = """
import bpy, json
said = {"version": bpy.app.version}
preferences = bpy.context.preferences
if hasattr(preferences, "extensions"):
    said["repositories"] = {repo.module: repo.directory for repo in preferences.extensions.repos}
    said["enabled"] = [addon.module for addon in preferences.addons]
print("MARK" + json.dumps(said), flush=True)
""".replace("MARK", _MARK)

_USUAL = {
    "darwin": ("/Applications/Blender.app/Contents/MacOS/Blender",),
    "win32": ("C:/Program Files/Blender Foundation/*/blender.exe",),
}
_USUAL_ELSEWHERE = ("/opt/blender*/blender", "/snap/bin/blender", "/usr/local/blender*/blender")


@dataclass(frozen=True)
class ExtensionState:
    """What Blender knows of an extension.

    Args:
        folder: Where it is, or would be.
        is_enabled: Whether Blender loads it.
    """

    folder: Path
    is_enabled: bool


@final
@dataclass(frozen=True)
class BlenderProgram:
    """A Blender that can be run.

    Args:
        path: The program.
    """

    path: Path

    @classmethod
    def find(cls, named: Path | None = None) -> BlenderProgram | None:
        """Return the Blender that was named, or the one on PATH or at a usual place; ``None`` where there is none.

        Raises:
            InstallError: There is no program by the name given.
        """
        if named is not None:
            named = named.expanduser()
            found = shutil.which(named.absolute()) or shutil.which(named)
            if found is None:
                raise InstallError(
                    "there is no program of that name",
                    where=str(named),
                    fix="Give the path of Blender's program itself",
                )
            return cls(Path(found).absolute())
        found = shutil.which("blender")
        if found is not None:
            return cls(Path(found).absolute())
        patterns = _USUAL.get(sys.platform, _USUAL_ELSEWHERE)
        places = [path for pattern in patterns for path in _matches(pattern) if os.access(path, os.X_OK)]
        return cls(places[-1]) if places else None  # the last of a sorted list is the newest

    def ask(self, extension: str) -> ExtensionState:
        """Start Blender without a window and ask it about an extension.

        Args:
            extension: The extension's name.

        Raises:
            InstallError: It cannot be started, is too old, or has no repository for a user's extensions.
        """
        said = self._run("--background", "--python-exit-code", "3", "--python-expr", _ASK)
        answer = next((line for line in said.splitlines() if line.startswith(_MARK)), None)
        if answer is None:
            raise InstallError(
                "Blender gave no answer", where=str(self.path), fix=_with_words("Name Blender's program itself", said)
            )
        facts = json.loads(answer[len(_MARK) :])
        version = tuple(facts["version"])
        if version[:2] < OLDEST:
            raise InstallError(
                f"Blender {'.'.join(map(str, version))} is too old: extensions need {'.'.join(map(str, OLDEST))} or later",
                where=str(self.path),
                fix="Name a newer one with --blender PATH, or build the extension alone with --zip FILE",
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
        """Run one of Blender's own extension commands.

        Args:
            arguments: The command and what goes with it, as after ``blender --command extension``.

        Raises:
            InstallError: It failed; tells what Blender said.
        """
        self._run("--command", "extension", *arguments)

    def _run(self, *arguments: str) -> str:
        """Return all that Blender printed."""
        try:
            result = subprocess.run(  # noqa: S603 - the program is the user's own, and no shell is involved
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
                fix="Name another with --blender PATH",
            ) from None
        except subprocess.TimeoutExpired:
            raise InstallError(
                f"Blender did not end within {_SECONDS:.0f} s and was stopped",
                where=str(self.path),
                fix="Close other Blenders and try again",
            ) from None
        said = result.stdout.decode("utf-8", "replace")
        if result.returncode != 0:
            code = result.returncode
            how = f"crashed (signal {-code})" if code < 0 else f"failed with exit code {code}"
            raise InstallError(
                f"Blender {how} at `{' '.join(_shown(arguments))}`",
                where=str(self.path),
                fix=_with_words("Close other Blenders and try again", said),
            )
        return said


def _matches(pattern: str) -> list[Path]:
    root = Path(pattern).anchor
    return sorted(Path(root).glob(Path(pattern).relative_to(root).as_posix()))


def _shown(arguments: Sequence[str]) -> list[str]:
    return ["..." if "\n" in argument else argument for argument in arguments]


def _with_words(fix: str, said: str) -> str:
    """Append what Blender said last."""
    words = "\n  ".join([line.strip() for line in said.splitlines() if line.strip()][-12:])
    return f"{fix}. Blender's own words:\n  {words}" if words else fix
