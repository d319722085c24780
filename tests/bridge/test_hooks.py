"""Hooks: plugins are called one at a time, and an error names the plugin that caused it."""

from __future__ import annotations

import json

import pluggy
import pytest

from stcn_plugin.bridge.hooks import PROJECT, Hooks, hookimpl
from stcn_plugin.errors import PlateError, PluginError

hookspec = pluggy.HookspecMarker(PROJECT)


class Specs:
    @hookspec
    def stcn_gather(self, number: int, word: str):
        """Every plugin returns a result."""

    @hookspec(firstresult=True)
    def stcn_choose(self, number: int):
        """The first result counts."""


class Returning:
    """Returns a fixed result, or raises it."""

    def __init__(self, result):
        self.result = result
        self.calls = []

    @hookimpl
    def stcn_gather(self, word, number):
        self.calls.append((number, word))
        if isinstance(self.result, BaseException):
            raise self.result
        return self.result

    @hookimpl
    def stcn_choose(self):
        return self.stcn_gather("chosen", 0)


def hooks(*results):
    return Hooks(Specs, [(f"p{number}", Returning(result)) for number, result in enumerate(results)])


def test_later_plugins_are_called_first_and_results_have_names():
    """Every plugin gets the arguments that it names; one that returns ``None`` is skipped."""
    found = hooks("a", None, "c")
    assert found.names == ("p0", "p1", "p2")
    assert list(found.results("stcn_gather", number=7, word="w")) == [("p2", "c"), ("p0", "a")]
    assert found.first("stcn_gather", number=7, word="w") == "c"
    assert found.first("stcn_choose", number=7) == "c"
    assert hooks(None, None).first("stcn_choose", number=7) is None


def test_plugins_are_called_one_at_a_time():
    """A plugin is called only when its result is asked for; `first` stops at the first result."""
    plugins = [Returning("a"), Returning(False), Returning([])]
    found = Hooks(Specs, [(str(number), plugin) for number, plugin in enumerate(plugins)])
    assert found.first("stcn_gather", number=7, word="w") == []
    assert [plugin.calls for plugin in plugins] == [[], [], [(7, "w")]]
    results = found.results("stcn_gather", number=8, word="x")
    assert next(results) == ("2", [])
    assert plugins[1].calls == []
    assert next(results) == ("1", False)


def test_plugins_can_choose_their_place():
    """``tryfirst`` and ``trylast`` are honoured."""

    class Last:
        @hookimpl(trylast=True)
        def stcn_gather(self):
            return "last"

    class First:
        @hookimpl(tryfirst=True)
        def stcn_gather(self):
            return "first"

    found = Hooks(Specs, [("f", First()), ("m", Returning("middle")), ("l", Last())])
    assert [result for _, result in found.results("stcn_gather", number=1, word="")] == ["first", "middle", "last"]


@pytest.mark.parametrize(
    ("raised", "summary"),
    [
        (ValueError("not today\nsecond line"), "ValueError: not today"),
        (KeyError(), "KeyError"),
        (SystemExit(3), "SystemExit: 3"),
    ],
    ids=["exception", "without a message", "exit"],
)
def test_an_exception_becomes_a_plugin_error(raised, summary):
    """It names the plugin, the hook and the exception's type and first line, and keeps the cause."""
    with pytest.raises(PluginError) as caught:
        list(hooks("a", raised).results("stcn_gather", number=1, word=""))
    assert caught.value.where == "plugin p1"
    assert "stcn_gather" in caught.value.what
    assert f"({summary})" in caught.value.what
    assert caught.value.__cause__ is raised


def test_errors_of_the_package_are_raised_unchanged():
    """A plugin reports in its own words what the artist can fix."""
    error = PlateError("of the plugin")
    with pytest.raises(PlateError) as caught:
        hooks(error).first("stcn_choose", number=1)
    assert caught.value is error


@pytest.mark.parametrize(
    "failure", [ZeroDivisionError("by zero"), SystemExit("by zero")], ids=lambda f: type(f).__name__
)
def test_a_notified_plugin_that_fails_does_not_stop_the_others(failure):
    """All three plugins are called; the one that fails is reported by name."""
    plugins = [Returning("a"), Returning(failure), Returning("c")]
    errors = []
    Hooks(Specs, [(str(number), plugin) for number, plugin in enumerate(plugins)]).notify(
        "stcn_gather", on_error=errors.append, number=3, word="w"
    )
    assert [plugin.calls for plugin in plugins] == [[(3, "w")]] * 3
    assert [error.where for error in errors] == ["plugin 1"]
    assert f"({type(failure).__name__}: by zero)" in errors[0].what


class UnknownHook:
    @hookimpl
    def stcn_gatherr(self):
        """Misspelt."""


class Unlike:
    @hookimpl
    def elsewhere(self):
        """Nothing that is near."""


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
    ("plugin", "word"),
    [(UnknownHook(), "stcn_gatherr"), (WrongArgument(), "nubmer"), (Wrapper(), "stcn_choose"), (Fragile(), "no looking")],
)  # fmt: skip
def test_a_plugin_that_does_not_fit_is_refused(plugin, word):
    """An unknown hook, an unknown argument, a wrapper, or an object that cannot be inspected; named in the error."""
    with pytest.raises(PluginError) as caught:
        Hooks(Specs, [("good", Returning("a")), ("the studio's", plugin)])
    assert caught.value.where == "plugin the studio's"
    assert word in caught.value.what


@pytest.mark.parametrize(
    ("plugin", "what", "fix"),
    [
        (UnknownHook(), "there is no hook stcn_gatherr", "Did you mean stcn_gather? Correct its name"),
        (Unlike(), "there is no hook elsewhere", "The hooks are stcn_choose, stcn_gather"),
        (
            WrongArgument(),
            "its hook stcn_gather has an unknown argument nubmer",
            "The allowed arguments are number, word",
        ),
    ],
)
def test_a_misspelt_hook_is_explained(plugin, what, fix):
    """The error has the hook alone, not the address of an object, and what is allowed."""
    with pytest.raises(PluginError) as caught:
        Hooks(Specs, [("mine", plugin)])
    assert (caught.value.what, caught.value.fix) == (what, fix)


def test_the_line_of_an_exception_is_that_of_the_plugin():
    """Not that of the library in which it was raised, if the plugin called one."""

    class Loading:
        @hookimpl
        def stcn_choose(self):
            return json.loads("{")

    with pytest.raises(PluginError) as caught:
        Hooks(Specs, [("mine", Loading())]).first("stcn_choose", number=1)
    first = Loading.stcn_choose.__code__.co_firstlineno
    assert caught.value.fix == f"See test_hooks.py, line {first + 2}"


def test_two_plugins_of_one_name_are_refused():
    """Errors identify plugins by name."""
    with pytest.raises(PluginError) as caught:
        Hooks(Specs, [("a", Returning(1)), ("a", Returning(2))])
    assert caught.value.where == "plugin a"
