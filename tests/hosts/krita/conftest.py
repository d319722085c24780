"""Krita in a virtual display, with the plugin installed in a home folder of its own; and a small shot."""

from __future__ import annotations

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from drifting_disc import write_disc_plate
from krita_shot import COUNT, FIRST, disc

from stcn_plugin.install.krita import FOLDER, install

INSIDE = Path(__file__).parent / "inside"
DRIVER = "stcn_driver"
SECONDS = 600


@dataclass(frozen=True)
class KritaProgram:
    """Krita with a home folder."""

    home: Path
    display: str

    @property
    def plugins(self) -> Path:
        return self.home / "data" / "krita" / "pykrita"

    def run(self, script: str, folder: Path, **arguments: Any) -> dict[str, Any]:
        """Run a script of the folder ``inside`` in the interface; return its results."""
        results = folder / f"{script}.results.json"
        results.unlink(missing_ok=True)
        env = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        env |= {
            "HOME": str(self.home),
            "XDG_CONFIG_HOME": str(self.home / "config"),
            "XDG_DATA_HOME": str(self.home / "data"),
            "XDG_CACHE_HOME": str(self.home / "cache"),
            "XDG_RUNTIME_DIR": str(self.home),
            # Krita's Python takes its modules from the first Python on PATH, which may be a virtual environment.
            "PATH": os.pathsep.join(each for each in os.get_exec_path() if Path(each) != Path(sys.executable).parent),
            "TMPDIR": str(self.home),  # where Krita looks for another Krita, to which it would leave the work
            "PYTHONPATH": str(INSIDE),
            "STCN_TEST_SCRIPT": str(INSIDE / f"{script}.py"),
            "STCN_TEST_ARGUMENTS": json.dumps({"folder": str(folder), "results": str(results), **arguments}),
            "LC_ALL": "C.UTF-8",
            "DISPLAY": self.display,
        }
        result = subprocess.run(["krita", "--nosplash"], capture_output=True, text=True, env=env, timeout=SECONDS)
        output = result.stdout + result.stderr
        assert results.is_file(), output[-4000:]
        assert "Traceback" not in output, output[-4000:]
        return {**json.loads(results.read_text()), "output": output}


@pytest.fixture(scope="session")
def display() -> Iterator[str]:
    """A virtual display that answers."""
    if shutil.which("Xvfb") is None:
        pytest.skip("Xvfb is not installed")
    command = ["Xvfb", "-noreset", "-displayfd", "1", "-screen", "0", "1600x1000x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as server:
        assert server.stdout is not None
        number = server.stdout.readline().strip()
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(60)
            client.connect(f"/tmp/.X11-unix/X{number}")
            client.sendall(b"l\0" + struct.pack("<5H", 11, 0, 0, 0, 0))  # the first request of every client
            assert client.recv(1) == b"\1", "the display refuses clients"
            yield f":{number}"
        server.terminate()


@pytest.fixture(scope="session")
def krita(display, tmp_path_factory) -> KritaProgram:
    """Krita with the plugin, and a plugin that runs the scripts of the tests."""
    if shutil.which("krita") is None:
        pytest.skip("krita is not installed")
    if subprocess.run(["/usr/bin/python3", "-c", "import PyQt5"], capture_output=True).returncode:
        pytest.skip("PyQt5, which Krita's Python plugins need, is not installed in the system's Python")
    program = KritaProgram(tmp_path_factory.mktemp("krita"), display)
    install(program.plugins, python=sys.executable)
    for name in (f"{DRIVER}.desktop", f"{DRIVER}.py"):
        shutil.copy(INSIDE / name, program.plugins / name)
    config = program.home / "config"
    config.mkdir()
    (config / "kritarc").write_text(f"[python]\nenable_{FOLDER}=true\nenable_{DRIVER}=true\n")
    return program


@pytest.fixture(scope="session")
def plates(tmp_path_factory) -> Path:
    """A plate of half-float EXR; returns its first file."""
    return write_disc_plate(tmp_path_factory.mktemp("plates"), range(FIRST, FIRST + COUNT), disc)
