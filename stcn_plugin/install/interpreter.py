"""The Python that a host starts its worker with, tried before it is recorded."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from stcn_plugin import __version__
from stcn_plugin.bridge.launch import without_python
from stcn_plugin.errors import InstallError

_SECONDS = 60.0
_ASK = "import stcn_plugin; print(stcn_plugin.__version__)"
_VERSION = re.compile(r"\d+(\.\d+)+\S*")


def worker_python(named: Path | None = None) -> str:
    """Return the interpreter to record: this very one, or the one that was named and has this version too.

    Args:
        named: Another interpreter, such as the one that a farm sees under the same path.

    Raises:
        InstallError: It cannot be started, lacks stcn_plugin, or has another version of it.
    """
    if named is None:
        if not sys.executable:
            raise InstallError("this Python does not know its own path", fix="Name the interpreter with --python PATH")
        return sys.executable
    python = str(named.expanduser().absolute())  # not resolved: a link is what makes a virtual environment of it
    found = _version_in(python)
    if found != __version__:
        raise InstallError(
            f"that Python has stcn_plugin {found}, and this is {__version__}",
            where=python,
            fix=f"Install from there: {shlex.quote(python)} -m stcn_plugin install",
        )
    return python


def _version_in(python: str) -> str:
    try:
        result = subprocess.run(  # noqa: S603 - the interpreter is the user's own setting, and no shell is involved
            [python, "-c", _ASK],
            capture_output=True,
            text=True,
            errors="replace",
            env=without_python(os.environ),
            cwd=Path(python).anchor,  # a checkout in the current folder is no installation
            timeout=_SECONDS,
            check=False,
        )
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        raise InstallError(
            f"that Python cannot be started: {reason}", where=python, fix="Give the path of the interpreter itself"
        ) from None
    except subprocess.TimeoutExpired:
        raise InstallError(f"that Python gave no answer within {_SECONDS:.0f} s", where=python) from None
    version = result.stdout.strip().rpartition("\n")[2]
    if result.returncode != 0 or not _VERSION.fullmatch(version):
        raise InstallError(
            "this is no Python with stcn_plugin", where=python, fix="Install it there, or leave out --python"
        )
    return version
