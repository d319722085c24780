"""Clients of stand-ins, of which no process is left in the end."""

from __future__ import annotations

import pytest
from fake_workers import fake, is_alive

from stcn_plugin.bridge.client import Timeouts, WorkerClient
from stcn_plugin.bridge.launch import WorkerLaunch


@pytest.fixture
def client():
    """Make clients of stand-ins; none of their processes is left behind."""
    made, pids = [], set()

    def make(script: str | WorkerLaunch, **arguments: object) -> WorkerClient:
        launch = fake(script) if isinstance(script, str) else script
        limits = {name: arguments.pop(name) for name in ("start", "silence", "cancel", "quit") if name in arguments}
        made.append(WorkerClient(launch, timeouts=Timeouts(**{"quit": 0.5, **limits}), **arguments))
        return made[-1]

    yield make
    for each in made:
        pids.add(each.pid)
        each.stop()
        assert not each.is_running
    assert not [pid for pid in pids if pid and is_alive(pid)]
