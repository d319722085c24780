"""Clients of stand-ins; no process is left at the end of a test."""

from __future__ import annotations

import pytest
from fake_workers import fake, is_alive

from stcn_plugin.bridge.client import WorkerClient
from stcn_plugin.bridge.launch import WorkerLaunch
from stcn_plugin.bridge.timeouts import Timeouts


@pytest.fixture
def client():
    """Make clients of stand-ins; check that all of their processes end."""
    made, pids = [], set()

    def make(script: str | WorkerLaunch, **arguments: object) -> WorkerClient:
        launch = fake(script) if isinstance(script, str) else script
        limits = {
            name: arguments.pop(name) for name in ("start", "silence", "stall", "cancel", "quit") if name in arguments
        }
        made.append(WorkerClient(launch, timeouts=Timeouts(**{"quit": 0.5, **limits}), **arguments))
        return made[-1]

    yield make
    for each in made:
        pids.add(each.pid)
        each.stop()
        assert not each.is_running
    assert not [pid for pid in pids if pid and is_alive(pid)]
