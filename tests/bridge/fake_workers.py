"""Stand-ins for a worker: small scripts that misbehave in one way each, as real processes."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from stcn_plugin.bridge.client import Timeouts, WorkerClient
from stcn_plugin.bridge.job import JobRequest, Report
from stcn_plugin.bridge.launch import WorkerLaunch
from stcn_plugin.bridge.messages import Done, Failed, Message

JOB = JobRequest(plate="p.####.exr", out="m.####.exr")

REPORT = Report(
    objects=("hero",), layers={}, patterns={}, layout="layers", device="cpu", precision="float32", first=1, last=9
)

_PRELUDE = """
import json, os, signal, subprocess, sys, time

def send(type, **fields):
    sys.stdout.write(json.dumps({"type": type, **fields}) + "\\n")
    sys.stdout.flush()

def hello(protocol=1):
    send("hello", protocol=protocol, version="9.9.9", pid=os.getpid())

def request():
    return json.loads(sys.stdin.readline() or '{"type": "quit"}')

def done(id):
    send("done", id=id, report={"layout": "layers", "device": "cpu", "precision": "float32", "objects": ["hero"], "first": 1, "last": 9})

def failed(id, kind, what):
    send("failed", id=id, error={"kind": kind, "what": what})

def say(*words):
    print(*words, file=sys.stderr, flush=True)
"""

GOOD = """
hello()
while (asked := request())["type"] != "quit":
    if asked["type"] == "run":
        send("progressed", id=asked["id"], progress={"done": 1, "total": 1, "frame": 1001})
        done(asked["id"])
"""

WORKING = """
hello()
while (asked := request())["type"] != "quit":
    if asked["type"] != "run":
        continue
    id = asked["id"]
    for frame in (1001, 1002):
        send("progressed", id=id, progress={"done": frame - 1000, "total": 2, "frame": frame})
        send("written", id=id, frame=frame, files=["m.%d.exr" % frame])
    send("warned", id=id, text="one object is small")
    done(id)
"""

UNTIL_CANCELLED = """
hello()
while (asked := request())["type"] != "quit":
    id = asked["id"]
    if asked["type"] == "cancel":
        failed(id, "CancelledError", "cancelled; the mattes written so far are whole")
    elif asked["job"]["preset"] == "short":
        done(id)
    else:
        send("progressed", id=id, progress={"done": 1, "total": 9, "frame": 1001})
"""

DEAF = """
hello()
id = request()["id"]
while True:
    send("progressed", id=id, progress={"done": 1, "total": 9, "frame": 1001})
    time.sleep(0.05)
"""


def fake(script: str) -> WorkerLaunch:
    """Launch a script in a worker's place."""
    return WorkerLaunch(sys.executable, arguments=("-I", "-S", "-c", _PRELUDE + script))


def stopped_clients() -> Iterator[Callable[..., WorkerClient]]:
    """Make clients of stand-ins, all stopped in the end."""
    made = []

    def make(script: str = WORKING, **limits: float) -> WorkerClient:
        made.append(WorkerClient(fake(script), timeouts=Timeouts(**{"quit": 0.5, **limits})))
        return made[-1]

    yield make
    for each in made:
        each.stop()


def end_of(client: WorkerClient, job: int) -> Done | Failed:
    """Receive until a job has ended; raises what receiving raises."""
    while True:
        message = client.receive(timeout=0.1)
        if isinstance(message, (Done, Failed)) and message.id == job:
            return message


def until(client: WorkerClient, kind: type[Message]) -> Message:
    """Receive until there is a message of a kind."""
    while True:
        message = client.receive(timeout=0.1)
        if isinstance(message, kind):
            return message


def eventually(condition: Callable[[], bool], seconds: float = 60.0) -> bool:
    """Wait for what must come; the deadline is generous, since only that it comes matters."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True


def is_alive(pid: int) -> bool:
    """Tell whether a process runs; one that waits to be reaped does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
