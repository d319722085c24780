"""The worker's loop: jobs one after another, the network loaded once per weights."""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path

from stcn_plugin import __version__
from stcn_plugin.bridge.job import JobRequest
from stcn_plugin.bridge.messages import (
    PROTOCOL,
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
from stcn_plugin.errors import STCNError, WorkerError
from stcn_plugin.worker.channel import Channel
from stcn_plugin.worker.describe import describe
from stcn_plugin.worker.networks import Networks
from stcn_plugin.worker.shots import run_shot

_IDLE = 0.5
"""Seconds without a request after which a fresh worker loads what its first job will need."""


def main() -> int:
    """Serve one host until it quits or dies; return the exit code."""
    channel = Channel.of_process()
    channel.send(Hello(PROTOCOL, __version__, os.getpid()))
    channel.open()
    networks = Networks()
    request = channel.next(timeout=_IDLE)
    if request is None:
        _warm_up()
        request = channel.next()
    while not isinstance(request, Quit):
        if isinstance(request, Run):
            _run(channel, networks, request.id, request.job)
        elif isinstance(request, Describe):
            _describe(channel)
        request = channel.next()
    return 0


def _warm_up() -> None:
    """Load the libraries while the artist still looks at the panel."""
    import stcn_plugin.shot.propagate  # noqa: F401


def _describe(channel: Channel) -> None:
    try:
        channel.send(Described(describe()))
    except Exception as error:  # noqa: BLE001 - whatever it is, the host must get an answer
        channel.send(Failed(0, _told(error)))


def _run(channel: Channel, networks: Networks, job: int, request: JobRequest) -> None:
    def on_frame(frame: int, files: Sequence[Path]) -> None:
        channel.send(Written(job, frame, tuple(map(str, files))))

    try:
        report = run_shot(
            request,
            networks,
            on_progress=lambda progress: channel.send(Progressed(job, progress)),
            on_frame=on_frame,
            on_warning=lambda text: channel.send(Warned(job, text)),
            is_cancelled=lambda: channel.is_cancelled(job),
        )
    except Exception as error:  # noqa: BLE001 - whatever it is, the host must get an answer
        channel.send(Failed(job, _told(error)))
    else:
        channel.send(Done(job, report))


def _told(error: Exception) -> STCNError:
    """Return an error that can be sent; of one that nobody foresaw, the traceback goes to the log."""
    if isinstance(error, STCNError):
        return error
    traceback.print_exc(file=sys.stderr)
    said = str(error).strip().splitlines()
    what = f"unexpected {type(error).__name__}" + (f": {said[0]}" if said else "")
    return WorkerError(what, fix="This is a defect of stcn_plugin; the worker's log tells where it happened")
