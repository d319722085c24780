"""The command line as a host, and its report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import final

from stcn_plugin.atomic import write_atomic
from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.bridge.shots import ShotResult, report_json


@final
class CommandLineHost:
    """Runs a request whose keyframes are files.

    Args:
        request: The request.
    """

    def __init__(self, request: JobRequest) -> None:
        self._request = request

    @hookimpl
    def stcn_collect_shot(self) -> JobRequest:
        """Return the request."""
        return self._request


def write_report(path: Path, results: Sequence[ShotResult]) -> None:
    """Write the results of shots as JSON.

    Args:
        path: The file, which is complete or absent.
        results: The shots.

    Raises:
        OutputError: It cannot be written.
    """
    write_atomic(path, report_json(results))
