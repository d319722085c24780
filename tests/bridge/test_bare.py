"""The bridge inside a host: an old Python, without packages except pluggy, without the rest of this project."""

from __future__ import annotations

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pluggy
import pytest

import stcn_plugin

PACKAGE = Path(stcn_plugin.__file__).parent
PARTS = ["__init__.py", "environment.py", "errors.py", "frames.py", "bridge"]
FILES = sorted(file for part in PARTS for file in (PACKAGE / part).rglob("*.py")) + [
    PACKAGE / part for part in PARTS[:3]
]
OLD = (3, 9)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """What is installed in a host: the bridge and pluggy."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "stcn_plugin").mkdir()
    for part in PARTS:
        source, target = PACKAGE / part, folder / "stcn_plugin" / part
        shutil.copytree(
            source, target, ignore=shutil.ignore_patterns("__pycache__")
        ) if source.is_dir() else shutil.copy(source, target)
    shutil.copytree(Path(pluggy.__file__).parent, folder / "pluggy", ignore=shutil.ignore_patterns("__pycache__"))
    return folder


def bare(python: str, site: Path, code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run code in a Python with only the standard library and the site."""
    program = f"import sys\nsys.path.insert(0, {str(site)!r})\n{code}"
    return subprocess.run([python, "-I", "-S", "-c", program, *arguments], capture_output=True, text=True, timeout=300)


IMPORT = """
before = set(sys.modules)
import stcn_plugin.bridge, stcn_plugin.bridge.batch_run, stcn_plugin.bridge.conformance, stcn_plugin.bridge.files, stcn_plugin.frames
loaded = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sys.version_info[:2])
print(sorted(loaded - set(STDLIB)))
print(stcn_plugin.frames.parse_frame_range("1001-1003"))
"""


def old_pythons() -> list[str]:
    """Return the Pythons of the oldest supported version on this machine."""
    found = [shutil.which("python3.9"), *map(str, Path.home().glob(".pyenv/versions/3.9.*/bin/python3.9"))]
    works = lambda python: subprocess.run([python, "-c", ""], capture_output=True).returncode == 0  # noqa: E731
    return [python for python in found if python and works(python)]


def test_the_bridge_needs_the_standard_library_and_pluggy_alone(site):
    """In a bare Python the bridge loads, and loads nothing else."""
    result = bare(sys.executable, site, IMPORT.replace("STDLIB", "sys.stdlib_module_names"))
    assert result.returncode == 0, result.stderr
    _, others, frames = result.stdout.splitlines()
    assert others == "['pluggy', 'stcn_plugin']"
    assert frames == "(1001, 1002, 1003)"


def test_the_bridge_loads_in_python_3_9(site):
    """The same in the oldest Python that a supported host has."""
    pythons = old_pythons()
    if not pythons:
        pytest.skip("there is no Python 3.9 on this machine")
    result = bare(pythons[0], site, IMPORT.replace("STDLIB", repr(sorted(sys.stdlib_module_names))))
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["(3, 9)", "['pluggy', 'stcn_plugin']", "(1001, 1002, 1003)"]


def executed(tree: ast.AST):
    """Yield every node but annotations, which `from __future__ import annotations` does not evaluate."""
    for name, value in ast.iter_fields(tree):
        if name in ("annotation", "returns"):
            continue
        for node in value if isinstance(value, list) else [value]:
            if isinstance(node, ast.AST):
                yield node
                yield from executed(node)


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_syntax_is_that_of_python_3_9(file):
    """No file of the bridge has syntax, or unions by ``|``, that Python 3.9 does not support."""
    tree = ast.parse(file.read_text("utf-8"), feature_version=OLD)
    assert not [node for node in ast.walk(tree) if isinstance(node, (ast.Match, ast.TryStar))]
    future = {
        alias.name
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and node.module == "__future__"
        for alias in node.names
    }
    annotated = [node for node in ast.walk(tree) if isinstance(node, (ast.FunctionDef, ast.AnnAssign))]
    assert "annotations" in future or not annotated
    types = {"None", "str", "int", "float", "bool", "bytes", "list", "dict", "tuple", "set"}
    for node in executed(tree):
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr):
            sides = {ast.unparse(node.left), ast.unparse(node.right)}
            assert not sides & types, f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Call):
            keywords = {keyword.arg for keyword in node.keywords}
            assert not keywords & {"strict", "slots", "kw_only"}, f"line {node.lineno}: {ast.unparse(node)}"


# Windows does not have these; inside functions they are only used after a check.
POSIX = {"killpg", "getpgid", "setsid", "fork", "SIGKILL", "SIGHUP", "SIGALRM", "WNOHANG"}


@pytest.mark.parametrize(
    "file", [*FILES, *sorted((PACKAGE / "worker").glob("*.py"))], ids=lambda file: str(file.relative_to(PACKAGE))
)
def test_nothing_of_posix_is_named_at_import(file):
    """They are used inside functions only."""
    tree = ast.parse(file.read_text("utf-8"))
    inside = {id(node) for each in ast.walk(tree) if isinstance(each, ast.FunctionDef) for node in ast.walk(each)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and node.attr in POSIX:
            assert id(node) in inside, f"line {node.lineno}: {ast.unparse(node)}"
        if isinstance(node, ast.Import):
            assert not {alias.name for alias in node.names} & {"fcntl", "pwd", "grp", "resource", "select", "termios"}


HOST = """
from stcn_plugin.bridge import JobRequest, Session, WorkerClient, WorkerLaunch, hookimpl
from stcn_plugin.errors import PlateError

class Host:
    @hookimpl
    def stcn_collect_shot(self):
        return JobRequest(plate="absent.####.exr", out=sys.argv[2] + "/m.####.exr", keyframes=())

    @hookimpl
    def stcn_job_failed(self, error):
        print(type(error).__name__)

with WorkerClient(WorkerLaunch(sys.argv[1])) as worker:
    print([choice.name for choice in worker.describe().presets][0])
    try:
        Session(Host(), worker).run()
    except Exception as error:
        print(error.where)
print(sorted({name.partition(".")[0] for name in sys.modules} & {"torch", "numpy", "OpenImageIO", "yaml", "pydantic"}))
"""


@pytest.mark.parametrize("which", ["this", pytest.param("3.9", marks=pytest.mark.slow)])
def test_a_host_with_the_bridge_alone_drives_a_worker_of_another_python(site, tmp_path, which):
    """It starts a real worker, gets its description and its errors, and loads no heavy package."""
    pythons = [sys.executable] if which == "this" else old_pythons()
    if not pythons:
        pytest.skip("there is no Python 3.9 on this machine")
    result = bare(pythons[0], site, HOST, sys.executable, str(tmp_path))
    assert result.returncode == 0, result.stderr
    first, kind, where, heavy = result.stdout.splitlines()
    assert (first, heavy) == ("default", "[]")
    assert kind == "PresetError"
    assert "keyframes" in where


@pytest.mark.slow
def test_a_hosts_python_variables_do_not_break_the_worker(site, tmp_path):
    """With PYTHONHOME the worker's Python does not start, so it is not passed on unless it is asked for."""
    code = """
import os
os.environ["PYTHONHOME"] = "/opt/host/python"
from stcn_plugin.bridge import WorkerClient, WorkerLaunch
from stcn_plugin.errors import WorkerError
for launch in (WorkerLaunch(sys.argv[1], environment=os.environ), WorkerLaunch(sys.argv[1])):
    with WorkerClient(launch) as worker:
        try:
            print(len(worker.describe().devices) > 1)
        except WorkerError as error:
            print(error.what)
"""
    result = bare(sys.executable, site, code, sys.executable)
    assert result.stdout.splitlines() == ["the worker exited with code 1 while starting", "True"], result.stderr


@pytest.mark.slow
def test_files_in_the_current_folder_do_not_shadow_modules(site, tmp_path):
    """A queue.py among the artist's files is not imported."""
    (tmp_path / "queue.py").write_text("raise SystemExit('imported from the current folder')\n")
    code = f"""
import os
os.chdir({str(tmp_path)!r})
from stcn_plugin.bridge import WorkerClient, WorkerLaunch
with WorkerClient(WorkerLaunch(sys.argv[1])) as worker:
    print(worker.describe().presets[0].name)
"""
    result = bare(sys.executable, site, code, sys.executable)
    assert result.stdout.strip() == "default", result.stderr
