"""What the panel of the extension shows, as lines of text."""

import bpy


class Layout:
    """Records what a panel draws instead of drawing it."""

    def __init__(self, lines):
        self.lines = lines
        self.active = self.enabled = True

    def row(self, **_):
        return Layout(self.lines)

    column = box = split = row

    def label(self, *, text, icon="NONE"):
        if icon == "BLANK1" and self.lines:  # goes on with the line above
            self.lines[-1] += f" {text}"
        else:
            self.lines.append(text)

    def prop(self, data, name, *, text=None, **_):
        """Record the value; a number beside its switch is one line with it."""
        label = data.bl_rna.properties[name].name
        value = getattr(data, name)
        if isinstance(value, bool):
            self.lines.append(f"{label} = {'on' if value else 'off'}")
        elif text == "" and self.lines and self.lines[-1].startswith(f"{label} = on"):
            self.lines[-1] += f", {value:.6g}"
        elif text is None:
            self.lines.append(f"{label} = {getattr(value, 'name', value)}")

    def operator(self, name, *, text="", icon="NONE", translate=True):
        if name == "stcn.go_to_frame":
            self.lines.append(f"[{text}]")
        return type("Button", (), {})()

    def progress(self, *, factor, text):
        self.lines.append(text)

    def template_list(self, *_, **__):
        pass

    def separator(self):
        pass


def panel_lines(part=""):
    """Draw a panel of the compositor: the main one, or a part of it, ``_mattes`` or ``_settings``."""
    panel = getattr(bpy.types, f"STCN_PT_compositor{part}")
    lines = []
    panel.draw(type("Panel", (), {"layout": Layout(lines)})(), bpy.context)
    return lines
