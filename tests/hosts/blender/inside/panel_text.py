"""What the panel of the extension shows, as lines of text."""

import bpy


class Layout:
    """Records what a panel draws instead of drawing it."""

    def __init__(self, lines, buttons):
        self.lines, self.buttons = lines, buttons
        self.active = self.enabled = True

    def row(self, **_):
        return Layout(self.lines, self.buttons)

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
        button = type("Button", (), {})()
        if name == "stcn.go_to_frame":
            assert icon in bpy.types.UILayout.bl_rna.functions["operator"].parameters["icon"].enum_items
            self.lines.append(f"[{text}]")
            self.buttons.append([text, icon, button])
        return button

    def progress(self, *, factor, text):
        self.lines.append(text)

    def template_list(self, *_, **__):
        pass

    def separator(self):
        pass


def panel_lines(part=""):
    """Return what a panel of the compositor shows: the main one, or a part of it, ``_mattes`` or ``_settings``."""
    return _drawn(part).lines


def frame_buttons():
    """Return the buttons that go to frames: text, icon and frame."""
    return [[text, icon, button.frame] for text, icon, button in _drawn("").buttons]


def _drawn(part):
    layout = Layout([], [])
    panel = getattr(bpy.types, f"STCN_PT_compositor{part}")
    panel.draw(type("Panel", (), {"layout": layout})(), bpy.context)
    return layout
