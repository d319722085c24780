"""The Python interpreter of the worker, which is tested before it is recorded."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from stcn_plugin import __version__
from stcn_plugin.bridge.files import expanded
from stcn_plugin.bridge.launch import without_python
from stcn_plugin.errors import InstallError

_SECONDS = 60.0
_QUERY = "import stcn_plugin; print(stcn_plugin.__version__)"
_VERSION = re.compile(r"\d+(\.\d+)+\S*")


def worker_python(named: Path | None = None) -> str:
    """Return the interpreter to record: the running one, or another one with the same version of this package.

    Args:
        named: Path of another interpreter, such as one on a shared disk.

    Raises:
        InstallError: It cannot be started, or does not have this version of stcn_plugin.
    """
    if named is None:
        if not sys.executable:
            raise InstallError("the path of this Python is unknown", fix="Give an interpreter with --python PATH")
        return sys.executable
    python = str(expanded(named, error=InstallError).absolute())  # not resolved: in a virtual environment, it is a link
    found = _version_in(python)
    if found != __version__:
        raise InstallError(
            f"that Python has stcn_plugin {found}, expected {__version__}",
            where=python,
            fix=f"Install from there: {shlex.quote(python)} -m stcn_plugin install",
        )
    return python


def _version_in(python: str) -> str:
    try:
        result = subprocess.run(  # noqa: S603 - an interpreter of the user, without a shell
            [python, "-c", _QUERY],
            capture_output=True,
            text=True,
            errors="replace",
            env=without_python(os.environ),
            cwd=Path(python).anchor,  # do not import a checkout in the current folder
            timeout=_SECONDS,
            check=False,
        )
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InstallError(
            f"that Python cannot be started: {reason}", where=python, fix="Give the path of the interpreter"
        ) from None
    except subprocess.TimeoutExpired:
        what = f"that Python did not answer within {_SECONDS:.0f} s"
        raise InstallError(what, where=python, fix="Try again, or give another interpreter with --python") from None
    version = result.stdout.strip().rpartition("\n")[2]
    if result.returncode != 0 or not _VERSION.fullmatch(version):
        raise InstallError(
            "that is not a Python with stcn_plugin", where=python, fix="Install it there, or leave out --python"
        )
    return version
