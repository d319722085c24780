"""The host's side: runs inside a compositing tool and needs only the standard library and pluggy.

A host is a plugin of `HostHooks`. A `Session` drives it: collect the shot, render the keyframes, propagate in a worker
process, deliver the mattes. A `BackgroundJob` does that while the host stays usable. Host and worker exchange file names,
never pixels. Supports Python 3.9 and later.
"""

from stcn_plugin.bridge.background_job import BackgroundJob
from stcn_plugin.bridge.client import WorkerClient
from stcn_plugin.bridge.description import Choice, Description
from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.host_hooks import HostHooks
from stcn_plugin.bridge.job import JobRequest, KeyframeFile, Progress, Setting
from stcn_plugin.bridge.job_status import JobStatus
from stcn_plugin.bridge.launch import WorkerLaunch
from stcn_plugin.bridge.report import Report, WeightsUsed
from stcn_plugin.bridge.session import Session
from stcn_plugin.bridge.timeouts import Timeouts
from stcn_plugin.bridge.warm_worker import EVERY_WORKER, WarmWorker

__all__ = [
    "EVERY_WORKER",
    "BackgroundJob",
    "Choice",
    "Description",
    "HostHooks",
    "JobRequest",
    "JobStatus",
    "KeyframeFile",
    "Progress",
    "Report",
    "Session",
    "Setting",
    "Timeouts",
    "WarmWorker",
    "WeightsUsed",
    "WorkerClient",
    "WorkerLaunch",
    "hookimpl",
]
