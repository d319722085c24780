"""Starting a worker process: its Python and its environment."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from stcn_plugin.errors import WorkerError, is_temporary

_PROGRAM = (
    "import sys; sys.path[:1] == [''] and sys.path.pop(0); from stcn_plugin.worker.serve import main; sys.exit(main())"
)
"""Like ``-m stcn_plugin.worker``, but files in the current folder cannot shadow modules of the worker."""

HUGE_PAGES = {"THP_MEM_ALLOC_ENABLE": "1"}
"""Makes torch place large tensors in huge pages (Linux only). In small ones, a new tensor costs a page fault for every 4 KB."""

_FIX = "Set the Python that stcn_plugin is installed in; `stcn doctor` prints it"


@dataclass(frozen=True)
class WorkerLaunch:
    """Starts worker processes.

    Args:
        python: The Python that stcn_plugin is installed in, usually not the host's own.
        arguments: Arguments of that Python; tests replace them to run another program as the worker.
        environment: Environment variables of the worker. By default those of this process without its variables for Python,
            which would misconfigure another Python. Variables that tune torch are added, unless they are set.
        idle: Seconds without a job after which the worker exits to free its memory; the next job starts another.
    """

    python: str
    arguments: Sequence[str] = ("-c", _PROGRAM)
    environment: Mapping[str, str] = field(default_factory=lambda: without_python(os.environ))
    idle: float = 900.0

    @classmethod
    def in_this_python(cls) -> WorkerLaunch:
        """Return a launch of the Python that runs this code, with all of its variables."""
        return cls(sys.executable, environment=os.environ)

    @property
    def start_fix(self) -> str:
        """What to do if the worker exits while it starts."""
        fix = "Check that stcn_plugin is installed there: run `stcn doctor` with that Python"
        if os.environ.get("PYTHONPATH") and "PYTHONPATH" not in self.environment:
            fix += ". PYTHONPATH is set here, but is not passed to the worker"
        return fix

    def start(self) -> subprocess.Popen[bytes]:
        """Start a process in its own session, so that Ctrl-C in a terminal reaches only the host, which cancels the job.

        Raises:
            WorkerError: The Python does not exist or cannot be run.
        """
        if not self.python.strip() or os.path.isdir(self.python):  # noqa: PTH112
            problem = "it is a folder" if self.python.strip() else "none is set"
            what = f"the worker's Python cannot be started ({problem})"
            raise WorkerError(what, where=self.python.strip() or None, fix=_FIX)
        windows = sys.platform == "win32"
        try:
            return subprocess.Popen(  # noqa: S603 - the Python is the user's own setting, and there is no shell
                [self.python, *self.arguments, "--idle-seconds", f"{self.idle:g}"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env={**HUGE_PAGES, **self.environment},
                start_new_session=not windows,
                creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0) if windows else 0,
            )
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise WorkerError(
                f"the worker's Python cannot be started ({reason})",
                where=self.python,
                fix=_FIX,
                retry=is_temporary(error),
            ) from None


def without_python(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without variables for Python (``PYTHONHOME``, ``PYTHONPATH`` ...)."""
    prefixes = ("PYTHON", "__PYVENV_LAUNCHER__")  # macOS sets the latter for a framework's Python
    return {name: value for name, value in environment.items() if not name.startswith(prefixes)}
