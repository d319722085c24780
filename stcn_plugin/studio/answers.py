"""What a plugin answered is checked before it is believed; a mistake is told with the plugin's name."""

from __future__ import annotations

from stcn_plugin.errors import PluginError


def nonsense(plugin: str, hook: str, what: str, *, fix: str | None = None) -> PluginError:
    """Return the error for an answer that cannot be used.

    Args:
        plugin: The plugin's name.
        hook: The hook that it answered.
        what: What is wrong, to follow "its hook ... gave".
        fix: What its author should do.
    """
    return PluginError(f"its hook {hook} gave {what}", where=f"plugin {plugin}", fix=fix)


def kind(value: object) -> str:
    """Name a value's type, as a message has it."""
    name = type(value).__name__
    return f"an {name}" if name[0].lower() in "aeiou" or name == "ndarray" else f"a {name}"
