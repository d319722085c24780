"""The worker of this Krita process."""

from pathlib import Path

from stcn_plugin import environment
from stcn_plugin.bridge import WarmWorker
from stcn_plugin.bridge.warm_worker import recorded_python

INSTALL_RECORD = Path(__file__).absolute().parent / "stcn_install.json"
"""Written by the installer: the Python that stcn_plugin was installed with."""


def make_worker() -> WarmWorker:
    """Return a worker that runs in the recorded Python."""
    return WarmWorker(
        lambda: recorded_python(INSTALL_RECORD),
        setting=str(INSTALL_RECORD),
        fix=f"Run `stcn install krita` again, or set {environment.WORKER_PYTHON.name} to a Python that has stcn_plugin",
    )
