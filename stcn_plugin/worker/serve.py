"""The worker's loop: jobs one after another, the network loaded once per weights."""

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

_LULL = 0.5
"""Seconds without a request after which a fresh worker loads what its first job will need."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve one host until it quits or dies, has no job for long, or a GPU fails; return the exit code.

    SIGINT, SIGTERM and SIGHUP cancel what runs and end the process with 128 and the signal.
    """
    idle = _parser().parse_args(arguments).idle_seconds
    faulthandler.enable(all_threads=False)  # a crash in a library's own code is to leave last words too
    logging.basicConfig(stream=sys.stderr, format="%(name)s: %(message)s")
    logging.getLogger("stcn_plugin").setLevel(logging.INFO)
    channel = Channel.of_process()
    with stop_requests(on_request=channel.stop):
        channel.send(Hello(PROTOCOL, __version__, os.getpid()))
        channel.open()
        return _serve(channel, idle)


def _serve(channel: Channel, idle: float) -> int:
    """Answer requests until the last; return the exit code."""
    networks = Engines()
    request = channel.next(timeout=_LULL)
    if request is None:
        _warm_up()
        request = channel.next(timeout=idle)
    while request is not None and not isinstance(request, Quit):
        if isinstance(request, Run):
            can_go_on = _run(channel, networks, request.id, request.job)
            networks.release()
            if not can_go_on:
                return RETIRED
        elif isinstance(request, Describe):
            _describe(channel)
        request = channel.next(timeout=idle)
    return RETIRED if request is None else channel.exit_code


def _parser() -> ArgumentParser:
    parser = ArgumentParser(
        prog="python -m stcn_plugin.worker", description="Speaks to a host over its stdin and stdout."
    )
    parser.add_argument("--idle-seconds", type=float, default=900.0, help="quit after so long without a job")
    return parser


def _warm_up() -> None:
    """Load the libraries while the artist still looks at the panel; what fails fails again in a job, which can tell."""
    with suppress(Exception):
        import stcn_plugin.job.propagate  # noqa: F401


def _describe(channel: Channel) -> None:
    with channel.working(0):
        channel.note([Activity("listing presets, weights and devices")])
        try:
            channel.send(Described(describe()))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the host must get an answer
            channel.send(Failed(0, _reported(error)))


def _run(channel: Channel, networks: Engines, job: int, request: JobRequest) -> bool:
    """Run a job and tell the host its end; tell whether another can follow."""

    def stop_if_cancelled() -> None:
        if channel.is_cancelled(job):
            raise CancelledError("cancelled before anything was propagated")

    def engine_for(settings: Preset) -> Engine:
        stop_if_cancelled()  # to check a shot may take a while, and so does loading
        return networks(settings)

    def on_frame(frame: int, files: Sequence[Path]) -> None:
        channel.send(Written(job, frame, tuple(map(str, files))))

    with channel.working(job):
        try:
            stop_if_cancelled()
            report = run_shot(
                request,
                engine_for,
                on_progress=lambda progress: channel.send(Progressed(job, progress)),
                on_frame=on_frame,
                on_warning=lambda text: channel.send(Warned(job, text)),
                is_cancelled=lambda: channel.is_cancelled(job),
                on_activity=channel.note,
            )
            channel.send(Done(job, report))
        except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the host must get an answer
            found = _reported(error)
            if isinstance(found, CancelledError):
                found.signal = channel.stopped_by
            channel.send(Failed(job, found))
            return not is_device_lost(error)
    return True


def _reported(error: BaseException) -> STCNError:
    """Return an error that can be sent; where another one is behind it, the traceback is in the log."""
    found = describe_error(error)
    if found is not error or error.__cause__ is not None:
        traceback.print_exception(error, file=sys.stderr)
    return found
