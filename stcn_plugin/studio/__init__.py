"""Studio plugins: how a studio extends the pipeline, and the built-in ways as a plugin of the same interface.

Every hook is documented in ``hosts/HOOKS.md``; ``examples/sample_plugin`` is a plugin in full. A plugin marks its hooks
with `stcn_plugin.bridge.hookimpl`.
"""
