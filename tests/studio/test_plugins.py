"""Loading studio plugins: where they are found, and errors that name the plugin."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from stcn_plugin.bridge.hooks import PROJECT
from stcn_plugin.errors import PluginError
from stcn_plugin.studio.plugins import studio_plugins

PLUGIN = """
from stcn_plugin.bridge.hooks import hookimpl
NAME = {name!r}

@hookimpl
def stcn_preset_folders():
    return [NAME]
"""


@pytest.fixture
def site(tmp_path):
    """A folder of packages: an installed plugin, a module, and files."""
    folder = tmp_path / "site"
    info = folder / "studio_tools-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: studio-tools\nVersion: 1.0\n")
    (info / "RECORD").write_text("")
    (info / "entry_points.txt").write_text(f"[{PROJECT}]\nstudio = studio_tools\n\n[other]\nx = absent\n")
    (folder / "studio_tools.py").write_text(PLUGIN.format(name="installed"))
    (folder / "module_plugin.py").write_text(PLUGIN.format(name="module"))
    (tmp_path / "file plugin.py").write_text(PLUGIN.format(name="file"))
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "__init__.py").write_text("from .names import NAME, stcn_preset_folders\n")
    (tmp_path / "folder" / "names.py").write_text(PLUGIN.format(name="folder"))
    return tmp_path


def loaded(site, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run code in a fresh interpreter that has the folder of packages."""
    program = f"from stcn_plugin.studio.plugins import studio_plugins\n{textwrap.dedent(code)}"
    path = os.pathsep.join([str(site / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=site,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )


def test_plugins_are_found_in_three_ways(site):
    """By entry point, from the environment variable, and by name, as module, file and folder; in this order."""
    names = os.pathsep.join(["module_plugin", str(site / "file plugin.py"), "", "  "])
    result = loaded(
        site,
        "for name, plugin in studio_plugins(['./folder']): print(name, plugin.NAME, plugin.stcn_preset_folders())",
        STCN_PLUGINS=names,
    )
    assert result.stderr == ""
    assert result.stdout.splitlines() == [
        "studio installed ['installed']",
        "module_plugin module ['module']",
        f"{site / 'file plugin.py'} file ['file']",
        "./folder folder ['folder']",
    ]


def test_a_plugin_found_twice_is_loaded_once(site):
    """A plugin that is named twice, or installed and named, is listed once."""
    result = loaded(
        site,
        "print([name for name, _ in studio_plugins(['studio_tools', 'module_plugin', 'module_plugin'])])",
        STCN_PLUGINS="module_plugin",
    )
    assert result.stdout.strip() == "['studio', 'module_plugin']", result.stderr


def test_an_installed_plugin_that_does_not_load_is_named(site):
    """The error has the plugin, its module and the reason; without entry points it is not loaded."""
    (site / "site" / "studio_tools.py").write_text("import tape_robot")
    result = loaded(
        site,
        """
        from stcn_plugin.errors import PluginError
        try:
            studio_plugins()
        except PluginError as error:
            print(error.where, error.what, sep="|")
        print(studio_plugins(entry_points=False))
        """,
    )
    error, empty = result.stdout.splitlines()
    where, what = error.split("|")
    assert where == "plugin studio (studio_tools)"
    assert "ModuleNotFoundError" in what
    assert "tape_robot" in what
    assert empty == "[]"


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("stcn_no_such_module", None, "there is no such plugin"),
        ("stcn_no_such_package.plugin", None, "(ModuleNotFoundError"),
        ("{folder}/absent.py", None, "there is no such plugin"),
        ("{folder}", None, "there is no such plugin"),
        ("{folder}/p.py", "1 / 0", "(ZeroDivisionError: division by zero)"),
        ("{folder}/p.py", "def broken(:", "(SyntaxError"),
        ("{folder}/p.py", "import sys; sys.exit(3)", "(SystemExit: 3)"),
        ("{folder}/p.py", "open('/no/such/tape')", "(FileNotFoundError"),
        ("{folder}/p.py", "import stcn_no_such_module", "(ModuleNotFoundError"),
        (".relative", None, "(TypeError"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_named(tmp_path, name, content, reason):
    """Missing, broken, or exiting: the error has the name as given and the reason, and nothing stays imported."""
    name = name.format(folder=tmp_path)
    if content is not None:
        (tmp_path / "p.py").write_text(content)
    with pytest.raises(PluginError) as caught:
        studio_plugins([name], entry_points=False)
    assert caught.value.where == name
    assert reason in caught.value.what
    assert "STCN_PLUGINS" in caught.value.fix
    assert not [
        module
        for module in sys.modules
        if module.startswith("stcn_plugin_file_") and "p.py" in repr(sys.modules[module])
    ]


def test_a_file_is_loaded_again_only_after_a_change(tmp_path):
    """A warm worker keeps a plugin's state between jobs, and loads an edited file for the next job."""
    file = tmp_path / "counting.py"
    file.write_text("jobs = []\n")
    [(_, first)] = studio_plugins([str(file)], entry_points=False)
    [(_, same)] = studio_plugins([str(file)], entry_points=False)
    assert same is first
    file.write_text("jobs = ['edited']\n")
    os.utime(file, ns=(1, 1))
    [(_, edited)] = studio_plugins([str(file)], entry_points=False)
    assert edited is not first
    assert edited.jobs == ["edited"]


def test_files_of_the_same_name_are_different_plugins(tmp_path):
    """Two folders may each have a plugin.py."""
    files = []
    for show in ("alpha", "beta"):
        (tmp_path / show).mkdir()
        files.append(tmp_path / show / "plugin.py")
        files[-1].write_text(f"SHOW = {show!r}\n")
    assert [plugin.SHOW for _, plugin in studio_plugins(list(map(str, files)), entry_points=False)] == ["alpha", "beta"]
