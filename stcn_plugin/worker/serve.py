"""The worker's main loop. It runs one job at a time, and keeps the network between jobs."""

from __future__ import annotations

import faulthandler
import logging
import os
import sys
import traceback
from argparse import ArgumentParser
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from stcn_plugin import __version__
from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.bridge.messages import (
    PROTOCOL,
    RETIRED,
    Describe,
    Described,
    Done,
    Failed,
    Hello,
    Prepared,
    Progressed,
    Quit,
    Run,
    Warned,
    Written,
)
from stcn_plugin.bridge.signals import stop_requests
from stcn_plugin.device_failures import is_device_lost
from stcn_plugin.errors import CancelledError, STCNError
from stcn_plugin.job.activities import Activity, describe_error
from stcn_plugin.worker.channel import Channel
from stcn_plugin.worker.describe import describe
from stcn_plugin.worker.engines import Engines
from stcn_plugin.worker.shots import run_shot

if TYPE_CHECKING:
    from stcn_plugin.network.engine import Engine
    from stcn_plugin.presets.model import Preset

_WARM_UP_DELAY = 0.5
"""Seconds without a request after which a new worker imports the libraries that its first job will need."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one host until it quits or dies, until the worker is idle for too long, or until a GPU fails.

    SIGINT, SIGTERM and SIGHUP cancel the running job; the exit code is then 128 plus the signal.

    Args:
        arguments: The command line; ``None`` for that of the process.

    Returns:
        The exit code.
    """
    idle = _parser().parse_args(arguments).idle_seconds
    faulthandler.enable(all_threads=False)  # prints a traceback if native code crashes
    logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s")
    logging.getLogger("stcn_plugin").setLevel(logging.INFO)
    channel = Channel.of_process()
    with stop_requests(on_request=channel.stop):
        channel.send(Hello(PROTOCOL, __version__, os.getpid()))
        channel.open()
        return _serve(channel, idle)


def _serve(channel: Channel, idle: float) -> int:
    """Answer requests until the last; return the exit code."""
    engines = Engines()
    request = channel.next(timeout=_WARM_UP_DELAY)
    if request is None:
        _warm_up()
        request = channel.next(timeout=idle)
    while request is not None and not isinstance(request, Quit):
        if isinstance(request, Run):
            can_go_on = _run(channel, engines, request.id, request.job)
            engines.release()
            if not can_go_on:
                return RETIRED
        elif isinstance(request, Describe):
            _describe(channel)
        request = channel.next(timeout=idle)
    return RETIRED if request is None else channel.exit_code


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m stcn_plugin.worker", description="Run jobs for a host, over stdin and stdout."
    )
    parser.add_argument("--idle-seconds", type=float, default=900.0, help="exit after this time without a job")
    return parser


def _warm_up() -> None:
    """Import the libraries while the artist is still in the panel. An error is ignored; the first job raises it again."""
    with suppress(Exception):
        import stcn_plugin.job.propagate  # noqa: F401


def _describe(channel: Channel) -> None:
    with channel.working(0):
        channel.record([Activity("listing presets, weights and devices")])
        try:
            channel.send(Described(describe()))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the host must get an answer
            channel.send(Failed(0, _reported(error)))


def _run(channel: Channel, engines: Engines, job: int, request: JobRequest) -> bool:
    """Run a job and send its result; return whether this process can run another one."""

    def stop_if_cancelled() -> None:
        if channel.is_cancelled(job):
            raise CancelledError("cancelled before anything was propagated")

    def engine_for(settings: Preset) -> Engine:
        stop_if_cancelled()  # checking the shot may have taken a while, and so does loading
        return engines(settings)

    def on_frame(frame: int, files: Sequence[Path]) -> None:
        channel.send(Written(job, frame, tuple(map(str, files))))

    with channel.working(job):
        try:
            stop_if_cancelled()
            report = run_shot(
                request,
                engine_for,
                on_ready=lambda report: channel.send(Prepared(job, report)),
                on_progress=lambda progress: channel.send(Progressed(job, progress)),
                on_frame=on_frame,
                on_warning=lambda text: channel.send(Warned(job, text)),
                is_cancelled=lambda: channel.is_cancelled(job),
                on_activity=channel.record,
            )
            channel.send(Done(job, report))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - the host must get an answer
            found = _reported(error)
            if isinstance(found, CancelledError):
                found.signal = channel.stopped_by
            channel.send(Failed(job, found))
            return not is_device_lost(error)
    return True


def _reported(error: BaseException) -> STCNError:
    """Return the error to send to the host. If it has another cause, the traceback is logged."""
    found = describe_error(error)
    if found is not error or error.__cause__ is not None:
        traceback.print_exception(error, file=sys.stderr)
    return found
