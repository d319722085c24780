"""Plugins: how they are found, called one by one, and told apart when one fails."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pluggy
import pytest

from stcn_plugin.bridge.plugins import PROJECT, Hooks, hookimpl, studio_plugins
from stcn_plugin.errors import PlateError, PluginError

hookspec = pluggy.HookspecMarker(PROJECT)


class Specs:
    @hookspec
    def stcn_gather(self, number: int, word: str):
        """Every plugin answers."""

    @hookspec(firstresult=True)
    def stcn_choose(self, number: int):
        """The first plugin answers."""


class Answering:
    """Answers with its name, or as told."""

    def __init__(self, answer):
        self.answer = answer
        self.calls = []

    @hookimpl
    def stcn_gather(self, word, number):
        self.calls.append((number, word))
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    @hookimpl
    def stcn_choose(self):
        return self.stcn_gather("chosen", 0)


def hooks(*answers):
    return Hooks(Specs, [(f"p{number}", Answering(answer)) for number, answer in enumerate(answers)])


def test_later_plugins_are_asked_first_and_answers_have_names():
    """Every plugin is called with what it asks for, by name; one that gives nothing is passed over."""
    found = hooks("a", None, "c")
    assert found.names == ("p0", "p1", "p2")
    assert list(found.answers("stcn_gather", number=7, word="w")) == [("p2", "c"), ("p0", "a")]
    assert found.first("stcn_gather", number=7, word="w") == "c"
    assert found.first("stcn_choose", number=7) == "c"
    assert hooks(None, None).first("stcn_choose", number=7) is None


def test_plugins_are_asked_one_at_a_time():
    """No plugin is called before the answer of the one before was used; a first answer spares the others."""
    plugins = [Answering("a"), Answering(False), Answering([])]
    found = Hooks(Specs, [(str(number), plugin) for number, plugin in enumerate(plugins)])
    assert found.first("stcn_gather", number=7, word="w") == []
    assert [plugin.calls for plugin in plugins] == [[], [], [(7, "w")]]
    answers = found.answers("stcn_gather", number=8, word="x")
    assert next(answers) == ("2", [])
    assert plugins[1].calls == []
    assert next(answers) == ("1", False)


def test_order_can_be_asked_for():
    """A plugin that wants to be first or last is."""

    class Last:
        @hookimpl(trylast=True)
        def stcn_gather(self):
            return "last"

    class First:
        @hookimpl(tryfirst=True)
        def stcn_gather(self):
            return "first"

    found = Hooks(Specs, [("f", First()), ("m", Answering("middle")), ("l", Last())])
    assert [answer for _, answer in found.answers("stcn_gather", number=1, word="")] == ["first", "middle", "last"]


def test_a_plugin_that_raises_is_told_by_name():
    """An exception becomes a plugin error with plugin, hook and what was said; the package's own errors pass."""
    with pytest.raises(
        PluginError, match=r"^plugin p1: its hook stcn_gather failed \(ValueError: not today\)\.$"
    ) as caught:
        list(hooks("a", ValueError("not today\nsecond line")).answers("stcn_gather", number=1, word=""))
    assert isinstance(caught.value.__cause__, ValueError)
    with pytest.raises(PluginError, match=r"\(KeyError\)"):
        hooks(KeyError()).first("stcn_choose", number=1)
    with pytest.raises(PluginError, match=r"\(SystemExit: 3\)"):
        hooks(SystemExit(3)).first("stcn_choose", number=1)
    with pytest.raises(PlateError, match="of the plugin"):
        hooks(PlateError("of the plugin")).first("stcn_choose", number=1)


@pytest.mark.parametrize(
    "failure", [ZeroDivisionError("by zero"), SystemExit("by zero")], ids=lambda f: type(f).__name__
)
def test_telling_reaches_all_and_failures_are_warnings(failure):
    """Of three plugins the middle one fails; the others are told, and the warning names it."""
    plugins = [Answering("a"), Answering(failure), Answering("c")]
    warnings = []
    Hooks(Specs, [(str(number), plugin) for number, plugin in enumerate(plugins)]).tell(
        "stcn_gather", warn=warnings.append, number=3, word="w"
    )
    assert [plugin.calls for plugin in plugins] == [[(3, "w")]] * 3
    assert [(error.where, str(error)) for error in warnings] == [
        ("plugin 1", f"plugin 1: its hook stcn_gather failed ({type(failure).__name__}: by zero).")
    ]


class UnknownHook:
    @hookimpl
    def stcn_gatherr(self):
        """Misspelt."""


class WrongArgument:
    @hookimpl
    def stcn_gather(self, nubmer):
        """Misspelt."""


class Wrapper:
    @hookimpl(wrapper=True)
    def stcn_choose(self):
        return (yield)


class Fragile:
    def __dir__(self):
        raise OSError("no looking")


@pytest.mark.parametrize(
    ("plugin", "said"),
    [(UnknownHook(), "stcn_gatherr"), (WrongArgument(), "nubmer"), (Wrapper(), "stcn_choose is a wrapper"), (Fragile(), "no looking")],
)  # fmt: skip
def test_a_plugin_that_does_not_fit_is_told_by_name(plugin, said):
    """A hook that does not exist, or with an argument that it does not have, names the plugin and what is wrong."""
    with pytest.raises(PluginError, match=said) as caught:
        Hooks(Specs, [("good", Answering("a")), ("the studio's", plugin)])
    assert caught.value.where == "plugin the studio's"


def test_two_plugins_of_one_name_are_told():
    """Errors name plugins, so no two may share a name."""
    with pytest.raises(PluginError, match="two plugins have this name"):
        Hooks(Specs, [("a", Answering(1)), ("a", Answering(2))])


PLUGIN = """
from stcn_plugin.bridge.plugins import hookimpl
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
    program = f"from stcn_plugin.bridge.plugins import studio_plugins\n{textwrap.dedent(code)}"
    path = os.pathsep.join([str(site / "site"), *filter(None, [os.environ.get("PYTHONPATH")])])
    return subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        cwd=site,
        env={**os.environ, "PYTHONPATH": path, **environment},
    )


def test_plugins_are_found_in_all_three_ways(site):
    """By entry point of an installed package, by the setting, and by name, as module, file and folder; in this order."""
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


def test_a_plugin_that_is_installed_and_named_is_one(site):
    """Naming a plugin twice, or one that is installed as well, loads it once."""
    result = loaded(
        site,
        "print([name for name, _ in studio_plugins(['studio_tools', 'module_plugin', 'module_plugin'])])",
        STCN_PLUGINS="module_plugin",
    )
    assert result.stdout.strip() == "['studio', 'module_plugin']", result.stderr


def test_an_installed_plugin_that_does_not_load_is_told_by_name(site):
    """The artist reads which plugin of which module it is."""
    (site / "site" / "studio_tools.py").write_text("import tape_robot")
    result = loaded(
        site,
        """
        from stcn_plugin.errors import PluginError
        try:
            studio_plugins()
        except PluginError as error:
            print(error)
        print(studio_plugins(entry_points=False))
        """,
    )
    said, empty = result.stdout.splitlines()
    assert said.startswith(
        "plugin studio (studio_tools): the installed plugin does not load (ModuleNotFoundError: No module"
    )
    assert "tape_robot" in said
    assert empty == "[]"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("stcn_no_such_module", None, "there is no such plugin"),
        ("stcn_no_such_package.plugin", None, "does not load (ModuleNotFoundError"),
        ("{folder}/absent.py", None, "there is no such plugin"),
        ("{folder}", None, "there is no such plugin"),
        ("{folder}/p.py", "1 / 0", "does not load (ZeroDivisionError: division by zero)"),
        ("{folder}/p.py", "def broken(:", "does not load (SyntaxError"),
        ("{folder}/p.py", "import sys; sys.exit(3)", "does not load (SystemExit: 3)"),
        ("{folder}/p.py", "open('/no/such/tape')", "does not load (FileNotFoundError"),
        ("{folder}/p.py", "import stcn_no_such_module", "does not load (ModuleNotFoundError"),
        (".relative", None, "does not load (TypeError"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_told_by_name(tmp_path, name, content, said):
    """Absent, broken, or leaving: the name as it was given, and why."""
    name = name.format(folder=tmp_path)
    if content is not None:
        (tmp_path / "p.py").write_text(content)
    with pytest.raises(PluginError) as caught:
        studio_plugins([name], entry_points=False)
    assert caught.value.where == name
    assert said in str(caught.value)
    assert "STCN_PLUGINS" in str(caught.value)
    assert not [
        module
        for module in sys.modules
        if module.startswith("stcn_plugin_file_") and "p.py" in repr(sys.modules[module])
    ]


def test_a_file_is_loaded_anew_only_when_it_was_changed(tmp_path):
    """A warm worker keeps a plugin's state over jobs, and takes an edited file at the next one."""
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


def test_files_of_one_name_are_two_plugins(tmp_path):
    """Two folders may each have a plugin.py; neither hides the other."""
    files = []
    for show in ("alpha", "beta"):
        (tmp_path / show).mkdir()
        files.append(tmp_path / show / "plugin.py")
        files[-1].write_text(f"SHOW = {show!r}\n")
    assert [plugin.SHOW for _, plugin in studio_plugins(list(map(str, files)), entry_points=False)] == ["alpha", "beta"]
