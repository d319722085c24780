"""``hooks.md``: every hook of the two interfaces, with its signature, its contract and an example."""

from __future__ import annotations

import ast
import inspect
import textwrap
from typing import Any

from generator.text import parse_docstring
from stcn_plugin.bridge.host_hooks import HostHooks
from stcn_plugin.studio.hooks import StudioHooks

LABELS = ("When", "Thread", "On error", "Several plugins")
"""What every hook's docstring states."""

_LONGEST = 100

_INTRO = """\
# Hooks

Two interfaces, both built on [pluggy](https://pluggy.readthedocs.io):

- [Host hooks](#host-hooks) run inside a compositing tool. Implement them to bring stcn_plugin into another tool: [Write
  a host](../how-to/write-a-host.md).
- [Studio hooks](#studio-hooks) run in the worker, next to the network. Implement them to extend the pipeline: [Studio
  plugins](../how-to/studio-plugins.md).

A hook is a function or method with the name of the hook, marked with `hookimpl`. It may leave out arguments that it
does not need. A hook that does not exist, or one with an argument that does not exist, is an error before the job
starts; the error names the plugin. Wrappers (`hookimpl(wrapper=True)`) are not supported.

The plugin that was loaded last is called first. `hookimpl(tryfirst=True)` and `hookimpl(trylast=True)` change the
order.

Error messages name the plugin and the hook. A hook that fails the job should raise an error of `stcn_plugin.errors`,
such as `HostError` or `PlateError`, for everything that the artist can fix; its message is shown unchanged. The data
that hooks receive and return is described in [Job data](job-data.md).
"""


def page() -> str:
    """Return the page."""
    parts = [_INTRO]
    for title, specification in (("Host hooks", HostHooks), ("Studio hooks", StudioHooks)):
        parts += [f"## {title}\n", f"{parse_docstring(specification).prose}\n"]
        for name, hook in vars(specification).items():
            if name.startswith("stcn_"):
                parts.append(_entry(name, hook))
    return "\n".join(parts)


def _entry(name: str, hook: Any) -> str:
    parsed = parse_docstring(hook, labels=LABELS)
    lines = [f"### {name}\n", f"```python\n{signature(hook)}\n```\n", f"{parsed.prose}\n"]
    lines += [f"- **{label}**: {parsed.labels[label]}" for label in LABELS]
    if parsed.entries:
        lines += ["", "Arguments:\n", *(f"- `{argument}`: {text}" for argument, text in parsed.entries.items())]
    if parsed.returns:
        lines += ["", f"Returns: {parsed.returns}"]
    lines += [f"\n```python\n{parsed.example}\n```\n"]
    return "\n".join(lines)


def signature(hook: Any) -> str:
    """Return a hook's signature as its source has it, without decorator, docstring and body."""
    function = ast.parse(textwrap.dedent(inspect.getsource(hook))).body[0]
    assert isinstance(function, ast.FunctionDef)
    function.body, function.decorator_list = [ast.Expr(ast.Constant(...))], []
    head = ast.unparse(function).replace("\n    ...", " ...")
    if len(head) <= _LONGEST:
        return head
    arguments = ",\n    ".join(ast.unparse(argument) for argument in function.args.args)
    returns = ast.unparse(function.returns) if function.returns else "None"
    return f"def {function.name}(\n    {arguments},\n) -> {returns}: ..."
