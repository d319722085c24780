"""Claims: two processes never work on the same frames, and those of dead processes do not count."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time

import pytest
from waiting import eventually

from stcn_plugin.cache.claims import Claim, claimed
from stcn_plugin.cache.folder import CacheFolder


class Stop(Exception):
    pass


def stop(claim):
    raise Stop(claim.text)


@pytest.fixture
def cache(tmp_path):
    return CacheFolder(tmp_path / "m.exr.stcn-cache")


@pytest.fixture
def other(cache):
    """Another process, which holds the frames 1001 to 1030 until it is killed."""
    program = (
        "import sys, time; from pathlib import Path; from stcn_plugin.cache.claims import claimed; "
        "from stcn_plugin.cache.folder import CacheFolder\n"
        "with claimed(CacheFolder(Path(sys.argv[1])), range(1001, 1031), on_wait=print): print('held', flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(cache.path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()


def test_a_claimed_frame_has_to_wait(cache, other):
    """The message names the process, its machine and the frames; other frames are free."""
    message = rf"process {other.pid} on .+ \(frames 1001-1030, since \d\d:\d\d\)"
    with pytest.raises(Stop, match=message), claimed(cache, [1030, 1031], on_wait=stop):
        pytest.fail("claimed twice")
    with claimed(cache, range(1031, 1061), on_wait=stop):
        assert len(list(cache.path.glob("claim.*"))) == 2
    assert len(list(cache.path.glob("claim.*"))) == 1


def test_a_claim_of_a_killed_process_is_stale(cache, other):
    """It is deleted, and does not have to be waited for."""
    other.kill()
    other.wait()
    assert list(cache.path.glob("claim.*"))
    with claimed(cache, [1001], on_wait=stop):
        (path,) = cache.path.glob("claim.*")
        assert Claim.read(path).pid == os.getpid()
    assert not list(cache.path.glob("claim.*"))


def test_waiting_ends_when_the_other_is_done(cache, other):
    """Without a restart."""
    waited = []

    def on_wait(claim):
        waited.append(claim.pid)
        other.kill()
        other.wait()

    with claimed(cache, [1005], on_wait=on_wait):
        pass
    assert waited == [other.pid]


@pytest.mark.parametrize(("age", "is_free"), [(10, False), (80, False), (100, True)])
def test_a_claim_of_another_machine_counts_while_it_is_renewed(cache, age, is_free):
    """Its processes cannot be seen from here, even if one here has the same id."""
    cache.path.mkdir()
    claim = vars(Claim.of_this_process(range(1, 4))) | {"machine": "0123abcd", "host": "farm7", "frames": "1-3"}
    path = cache.path / "claim.0123abcd-5-00000000.json"
    path.write_text(json.dumps(claim), "utf-8")
    os.utime(path, (time.time() - age,) * 2)
    if is_free:
        with claimed(cache, [3], on_wait=stop):
            assert not path.exists()
    else:
        with pytest.raises(Stop, match="farm7"), claimed(cache, [3], on_wait=stop):
            pytest.fail("claimed twice")


def test_a_claim_is_renewed_while_it_is_held(cache, monkeypatch):
    """So that other machines see that the work goes on."""
    monkeypatch.setattr("stcn_plugin.cache.claims._RENEWAL", 0.05)
    with claimed(cache, [1], on_wait=stop):
        (path,) = cache.path.glob("claim.*")
        os.utime(path, (1, 1))
        assert eventually(lambda: path.stat().st_mtime > 1e9, 30)


def test_of_many_processes_one_at_a_time_works(cache, tmp_path):
    """Each writes its id when it starts and when it ends; no other is in between."""
    log = tmp_path / "log"
    program = (
        "import os, sys, time; from pathlib import Path; from stcn_plugin.cache.claims import claimed; "
        "from stcn_plugin.cache.folder import CacheFolder\n"
        "def line(): os.write(log, f'{os.getpid()}\\n'.encode())\n"
        "log = os.open(sys.argv[2], os.O_WRONLY | os.O_APPEND | os.O_CREAT)\n"
        "with claimed(CacheFolder(Path(sys.argv[1])), [1], on_wait=lambda _: None): line(); time.sleep(0.02); line()"
    )
    processes = [subprocess.Popen([sys.executable, "-c", program, str(cache.path), str(log)]) for _ in range(6)]
    assert [process.wait(timeout=120) for process in processes] == [0] * 6
    ids = log.read_text().split()
    assert len(ids) == 12
    assert all(start == end for start, end in zip(ids[::2], ids[1::2], strict=True))


def test_damaged_claims_are_ignored(cache):
    """They cannot be of a process that still works, since claims are written whole."""
    cache.path.mkdir()
    (cache.path / "claim.x.json").write_bytes(b"{")
    with claimed(cache, [1], on_wait=stop):
        pass


@pytest.mark.parametrize("since", [1e300, -1e300, float("nan"), float("inf"), "yesterday", None])
def test_claims_without_a_time_are_ignored(cache, since):
    """A message could not show it."""
    claim = vars(Claim.of_this_process([1001])) | {"machine": "0badf00d", "frames": "1001-1030", "since": since}
    cache.write(cache.path / "claim.0badf00d-7-00000000.json", json.dumps(claim).encode())
    with claimed(cache, [1001], on_wait=stop):
        pass
