"""How a worker process is started: with whose Python, in which environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stcn_plugin.errors import WorkerError

_START = (
    "import sys; sys.path[:1] == [''] and sys.path.pop(0); from stcn_plugin.worker.serve import main; sys.exit(main())"
)
"""As ``-m stcn_plugin.worker``, but nothing in the current folder may pass for a module of the worker."""

_WHICH = "Name the Python that stcn_plugin is installed in: `stcn doctor` prints it"


@dataclass(frozen=True)
class WorkerLaunch:
    """What starts a worker.

    Args:
        python: The Python that has stcn_plugin installed; a host's own usually has not.
        arguments: What it is given; replaced only to stand something else in a worker's place.
        environment: The worker's environment.
        idle: Seconds without a job after which it quits and gives its memory back; the next job starts another.
    """

    python: str
    arguments: Sequence[str] = ("-c", _START)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    idle: float = 900.0

    @classmethod
    def from_host(cls, python: str) -> WorkerLaunch:
        """Launch from inside a host, whose variables for its own Python would mislead another one."""
        return cls(python, environment=without_python(os.environ))

    def start(self) -> subprocess.Popen[bytes]:
        """Start the process, in a session of its own: Ctrl-C in a terminal reaches the host alone, which cancels.

        Raises:
            WorkerError: There is no such interpreter, or it cannot be run.
        """
        if not self.python.strip() or os.path.isdir(self.python):  # noqa: PTH112
            why = "this is a folder" if self.python.strip() else "none is set"
            what = f"the worker's Python cannot be started ({why})"
            raise WorkerError(what, where=self.python.strip() or None, fix=_WHICH)
        windows = sys.platform == "win32"
        try:
            return subprocess.Popen(  # noqa: S603 - the interpreter is the user's own setting, and no shell is involved
                [self.python, *self.arguments, "--idle-seconds", f"{self.idle:g}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=dict(self.environment),
                start_new_session=not windows,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0) if windows else 0,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise WorkerError(
                f"the worker's Python cannot be started ({reason})",
                where=self.python,
                fix=_WHICH,
            ) from None


def without_python(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without what steers a Python interpreter (``PYTHONHOME``, ``PYTHONPATH`` ...)."""
    steering = ("PYTHON", "__PYVENV_LAUNCHER__")  # the latter is how macOS tells a framework's Python which it is
    return {name: value for name, value in environment.items() if not name.startswith(steering)}
