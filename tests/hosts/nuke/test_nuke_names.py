"""Every name of Nuke that the plugin or the stand-in uses exists, with the arguments that it takes."""

from __future__ import annotations

import ast
import inspect
import pathlib
import threading

import nuke_names
import pytest
from nuke_tests import PLUGIN
from stub_reader import curve_stubs, nuke_stubs

import stcn_plugin.bridge
from stcn_plugin import environment, errors

INSTALLED = tuple(f"stcn_plugin.{name}" for name in ("bridge", "environment", "errors", "frames"))
SOURCES = sorted(PLUGIN.rglob("*.py"))
BRIDGE = [
    ast.parse(path.read_text("utf-8")) for path in sorted(pathlib.Path(stcn_plugin.bridge.__file__).parent.glob("*.py"))
]
TREES = {path: ast.parse(path.read_text("utf-8"), feature_version=(3, 9)) for path in SOURCES}


def fits(function, signatures, *, skipped) -> bool:
    """Whether what the stand-in takes is what the stub takes, up to arguments that may be left out."""
    if any(signature is None for signature in signatures):
        return True
    parameters = list(inspect.signature(function).parameters.values())[skipped:]
    own = [(each.name, each.default is each.empty) for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    if any(each.kind is each.VAR_POSITIONAL for each in parameters):
        own = []
    return any(
        own == list(signature[: len(own)]) and not any(required for _, required in signature[len(own) :])
        for signature in signatures
    )


def stand_in_members():
    import nuke
    import nuke.rotopaint

    for module, stubs in ((nuke, nuke_stubs()), (nuke.rotopaint, curve_stubs())):
        for name in module.__all__:
            yield module.__name__, name, getattr(module, name), stubs


@pytest.mark.parametrize(
    ("module", "name", "value", "stubs"),
    list(stand_in_members()),
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_stand_in_has_only_names_of_nuke(module, name, value, stubs):
    """Every name of the stand-in is in the published stubs, and so is every method with its arguments."""
    assert name in stubs.names
    if inspect.isfunction(value):
        assert fits(value, stubs.functions[name], skipped=0), inspect.signature(value)
    if inspect.isclass(value):
        assert name in stubs.classes
        for method, function in inspect.getmembers(value, inspect.isfunction):
            if method.startswith("_"):
                continue
            signatures = stubs.method(name, method)
            assert signatures is not None, f"{name}.{method}"
            assert fits(function, signatures, skipped=1), f"{name}.{method}{inspect.signature(function)}"


def test_the_stand_in_lists_all_its_names():
    """The test above depends on it."""
    import nuke

    shown = {name for name in vars(nuke) if not name.startswith("_")}
    assert shown - {"annotations", "Any", "os", "threading", "rotopaint"} == set(nuke.__all__)


def chain(node: ast.expr) -> str | None:
    """``nuke.nodes.Read`` as text."""
    if isinstance(node, ast.Name):
        return node.id
    before = chain(node.value) if isinstance(node, ast.Attribute) else None
    return f"{before}.{node.attr}" if before else None


def used_chains() -> set[str]:
    found = set()
    for tree in TREES.values():
        found |= {name for node in ast.walk(tree) if isinstance(node, ast.Attribute) and (name := chain(node))}
    return {name for name in found if name.split(".")[0] in ("nuke", "nukescripts")}


def nuke_names_used() -> set[str]:
    return {name.split(".")[1] for name in used_chains() if name.startswith("nuke.")} - {"nodes", "rotopaint"}


def test_every_name_of_the_module_is_in_the_stubs():
    """Each `nuke.x` and `nuke.rotopaint.X` of the plugin is in the published stubs, each node class in the table."""
    stubs = nuke_stubs()
    assert len(nuke_names_used()) > 30
    assert nuke_names_used() - stubs.names == set()
    for name in used_chains():
        parts = name.split(".")
        if parts[:2] == ["nuke", "nodes"] and len(parts) > 2:
            assert parts[2] in nuke_names.NODE_CLASSES
        elif parts[:2] == ["nuke", "rotopaint"] and len(parts) > 2:
            assert parts[2] in curve_stubs().names
        elif parts[0] == "nuke" and len(parts) > 2:
            assert stubs.method(parts[1], parts[2]) is not None, name
        elif parts[0] == "nukescripts":
            assert parts[1] in nuke_names.NUKESCRIPTS


def members_used() -> set[str]:
    return {node.attr for tree in TREES.values() for node in ast.walk(tree) if isinstance(node, ast.Attribute)}


def names_of_python() -> set[str]:
    """Attributes that are Python's, the bridge's or the plugin's own."""
    known = set()
    for value in (
        str,
        dict,
        list,
        set,
        tuple,
        BaseException,
        OSError,
        SystemExit,
        pathlib.Path,
        threading.Event(),
        threading.Lock(),
    ):
        known |= set(dir(value))
    for module in ("argparse", "ast", "atexit", "json", "os", "re", "sys", "threading", "traceback"):
        known |= set(dir(__import__(module)))
    import argparse
    import re

    known |= set(dir(argparse.ArgumentParser)) | set(dir(re.compile(""))) | set(dir(re.match("", "")))
    known |= set(vars(errors)) | set(vars(environment)) | {"what", "where", "fix", "strerror"}
    for tree in [*TREES.values(), *BRIDGE]:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                known.add(node.name)
            elif isinstance(node, ast.AnnAssign):
                known.add(node.target.id if isinstance(node.target, ast.Name) else node.target.attr)
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store) and chain(node.value) == "self":
                known.add(node.attr)
            elif isinstance(node, ast.Call) and chain(node.func) == "parser.add_argument":
                known.add(node.args[0].value.lstrip("-").replace("-", "_"))
    return known


def test_every_method_is_of_python_or_in_the_stubs():
    """No attribute is left that is neither Python's nor our own nor a method in the stubs: a misspelt one would be."""
    nukes = nuke_stubs().members() | curve_stubs().members() | nuke_stubs().names | curve_stubs().names
    panels = {name.partition(".")[2] for name in nuke_names.NUKESCRIPTS} | {"PythonPanel"}
    rest = members_used() - names_of_python() - nukes - panels - {"nodes", "rotopaint"} - set(nuke_names.NODE_CLASSES)
    assert rest == set()
    assert "setProgres" not in names_of_python() | nukes


def knob_names_used() -> set[str]:
    """Literal names in ``node["name"]`` and ``node.knob("name")``."""
    found = set()
    for tree in TREES.values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and isinstance(node.value, ast.Name | ast.Call):
                key = node.slice
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "knob":
                key = node.args[0]
            else:
                continue
            if isinstance(key, ast.Constant) and isinstance(key.value, str):
                found.add(key.value)
    return found - {"python", "space", "backdrop"}  # of JSON, of a pattern, of our own


def test_every_knob_is_in_the_table_and_in_the_stand_in():
    """Knobs, which no stub knows, are listed with the source of the knowledge; the stand-in's nodes have each of them."""
    from nuke_stage.nodes import Op, stage

    listed = {name for knobs in nuke_names.KNOBS.values() for name in knobs}
    assert knob_names_used() <= listed
    assert len(knob_names_used()) > 15
    for kind, knobs in nuke_names.KNOBS.items():
        op = Op(kind, stage.root)
        if kind == "Write":
            op.knob_values["file_type"].setValue("exr")
        assert set(knobs) <= set(op.knob_values), kind


def test_every_class_that_delivery_makes_is_in_the_table():
    """Classes that are made by a text are listed too."""
    made = {
        node.args[1].value
        for tree in TREES.values()
        for node in ast.walk(tree)
        if (isinstance(node, ast.Call) and chain(node.func) == "nodes.node")
        or (isinstance(node, ast.Call) and chain(node.func) == "self.node")
    }
    assert made == {"Read", "Cryptomatte", "Copy", "Dot", "BackdropNode"}
    assert made <= set(nuke_names.NODE_CLASSES)


def test_the_plugin_is_python_3_9_and_imports_no_more_than_a_host_has():
    """Every file parses as Python 3.9 and imports only the standard library, Nuke and what is installed in a host."""
    allowed = {"nuke", "nukescripts", "stcn_nuke"}
    import sys

    for path, tree in TREES.items():
        for node in ast.walk(tree):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                names = [f"{node.module}.{alias.name}" for alias in node.names]
            for name in names:
                top = name.split(".")[0]
                inside = name.startswith(INSTALLED)
                assert top in allowed or top in sys.stdlib_module_names or inside, f"{path.name}: {name}"
