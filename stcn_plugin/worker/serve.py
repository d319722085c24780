"""The worker's loop: jobs one after another, the network loaded once per weights."""

from __future__ import annotations

import faulthandler
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
from stcn_plugin.errors import CancelledError, STCNError, WorkerError
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
    """Serve one host until it quits or dies, has no job for long, or a GPU fails; return the exit code."""
    idle = _parser().parse_args(arguments).idle_seconds
    faulthandler.enable(all_threads=False)  # a crash in a library's own code is to leave last words too
    channel = Channel.of_process()
    channel.send(Hello(PROTOCOL, __version__, os.getpid()))
    channel.open()
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
        import stcn_plugin.shot.propagate  # noqa: F401


def _describe(channel: Channel) -> None:
    try:
        channel.send(Described(describe()))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the host must get an answer
        channel.send(Failed(0, _told(error)))


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

    try:
        stop_if_cancelled()
        report = run_shot(
            request,
            engine_for,
            on_progress=lambda progress: channel.send(Progressed(job, progress)),
            on_frame=on_frame,
            on_warning=lambda text: channel.send(Warned(job, text)),
            is_cancelled=lambda: channel.is_cancelled(job),
        )
        channel.send(Done(job, report))
    except (Exception, SystemExit) as error:  # noqa: BLE001 - whatever it is, the host must get an answer
        channel.send(Failed(job, _told(error)))
        return networks.outlive(error)
    return True


def _told(error: BaseException) -> STCNError:
    """Return an error that can be sent; of one that nobody foresaw, the traceback goes to the log."""
    if isinstance(error, STCNError):
        return error
    traceback.print_exc(file=sys.stderr)
    said = str(error).strip().splitlines()
    what = f"unexpected {type(error).__name__}" + (f": {said[0]}" if said else "")
    return WorkerError(
        what, fix="This is a defect of stcn_plugin; its log (`stcn propagate --verbose`) tells where it happened"
    )
