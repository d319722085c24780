"""The host's side: everything that runs inside a compositing tool, on the standard library and pluggy alone.

A host is a plugin of `HostHooks`. A `Session` drives it: collect the shot, render the keyframes, propagate in a worker
process, deliver the mattes. Pixels never cross the pipe between the two: both sides name files. Works on Python 3.9 and
later, as hosts do.
"""

from stcn_plugin.bridge.client import WorkerClient
from stcn_plugin.bridge.hooks import hookimpl
from stcn_plugin.bridge.host_hooks import HostHooks
from stcn_plugin.bridge.job import Description, JobRequest, KeyframeFile, Progress, Report
from stcn_plugin.bridge.launch import WorkerLaunch
from stcn_plugin.bridge.places import matte_folder
from stcn_plugin.bridge.session import Session
from stcn_plugin.bridge.timeouts import Timeouts

__all__ = [
    "Description",
    "HostHooks",
    "JobRequest",
    "KeyframeFile",
    "Progress",
    "Report",
    "Session",
    "Timeouts",
    "WorkerClient",
    "WorkerLaunch",
    "hookimpl",
    "matte_folder",
]
