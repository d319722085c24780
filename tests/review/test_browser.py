"""The page of a shot in a real browser, opened from disk without a network."""

from __future__ import annotations

import json

import pytest
from shots import COUNT, HOSTILE


@pytest.fixture(params=["light", "dark"])
def opened(browser, reviewed, request):
    """The page once its first frame is shown; no message on the console is accepted."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, color_scheme=request.param, offline=True)
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda message: messages.append(message.text))
    page.on("pageerror", lambda error: messages.append(str(error)))
    page.goto((reviewed / "shot.html").as_uri())
    page.locator("#loading").wait_for(state="hidden")
    yield page
    assert messages == []
    context.close()


PIXELS = """() => { const from = document.getElementById('picture'); const c = document.createElement('canvas');
    c.width = 96; c.height = 64; const x = c.getContext('2d', {willReadFrequently: true});
    x.drawImage(from, from.width > 96 ? -96 : 0, 0);
    return [...x.getImageData(0, 0, 96, 64).data].filter((_, at) => at % 4 === 0); }"""
"""Red of the matte, which is alone in the picture or in the middle of three parts."""


def frame(page) -> int:
    return int(page.locator("#frame").inner_text())


def wait_for_view(page, name: str) -> None:
    """Wait until the picture is that of a view."""
    page.locator(f"#picture[aria-label$=', {name}']").wait_for()


def colours(page) -> set[tuple[int, ...]]:
    """Return the colours of the picture along its diagonal."""
    script = """() => { const c = document.createElement('canvas'); c.width = 96; c.height = 64;
        const x = c.getContext('2d', {willReadFrequently: true}); x.drawImage(document.getElementById('picture'), 0, 0);
        return [...Array(48).keys()].map(i => [...x.getImageData(2 * i, Math.floor(1.33 * i), 1, 1).data].slice(0, 3)); }"""
    return {tuple(each) for each in page.evaluate(script)}


def test_keys_move_through_the_frames(opened):
    opened.keyboard.press("Home")
    assert frame(opened) == 1001
    opened.keyboard.press("ArrowRight")
    assert frame(opened) == 1002
    opened.keyboard.press("Shift+ArrowRight")
    assert frame(opened) == 1000 + COUNT
    opened.keyboard.press("ArrowLeft")
    assert frame(opened) == 999 + COUNT


def test_space_and_shuttle_keys_play(opened):
    """Space starts and stops; L plays forward, J backward, K stops."""
    opened.keyboard.press("Home")
    opened.keyboard.press("l")
    opened.locator("#frame", has_text="1003").wait_for()
    opened.keyboard.press("k")
    stopped = frame(opened)
    opened.wait_for_timeout(200)
    assert frame(opened) == stopped
    opened.keyboard.press("End")
    opened.keyboard.press("j")
    opened.locator("#frame", has_text="1002").wait_for()
    opened.keyboard.press("k")
    assert opened.locator("#play").get_attribute("aria-label") == "Play"
    opened.keyboard.press(" ")
    assert opened.locator("#play").get_attribute("aria-label") == "Pause"
    opened.keyboard.press(" ")
    assert opened.locator("#play").get_attribute("aria-label") == "Play"


def test_numbers_choose_the_view(opened):
    """Over white, the background is white; over black, it is black; the matte alone is grey."""
    opened.keyboard.press("Home")
    opened.keyboard.press("ArrowRight")
    for key, name, background in (
        ("6", "Over white", (255, 255, 255)),
        ("5", "Over black", (0, 0, 0)),
        ("3", "Matte", (0, 0, 0)),
    ):
        opened.keyboard.press(key)
        wait_for_view(opened, name)
        assert background in colours(opened)
        assert opened.locator("#modes button[aria-pressed=true]").first.get_attribute("title").endswith(f"({key})")
    assert all(red == green == blue for red, green, blue in colours(opened))
    opened.keyboard.press("7")
    wait_for_view(opened, "Edge")
    assert opened.evaluate("document.getElementById('picture').width") == 3 * 96


def test_names_are_shown_as_text(opened):
    assert opened.get_by_role("button", name=HOSTILE).count() >= 1
    assert opened.locator("b", has_text="&").count() == 0


def test_frames_to_look_at_are_buttons_with_names(opened, reviewed):
    """Their names have the frame, the object and its confidence, as separate words; a click jumps."""
    found = json.loads((reviewed / "shot.json").read_text())["assessment"]
    assert found["doubtful"] and found["next_keyframes"]
    for each in found["doubtful"]:
        name = f"Frame {each['frame']}, {each['object_name']} \u00b7 {round(100 * each['confidence'])} %"
        opened.get_by_role("button", name=name, exact=True).click()
        assert frame(opened) == each["frame"]
    assert opened.get_by_role("heading", name="Next keyframe, best first").count() == 1
    opened.get_by_role("button", name=f"Frame {found['next_keyframes'][0]}", exact=True).click()
    assert frame(opened) == found["next_keyframes"][0]


def test_a_click_on_a_strip_jumps(opened):
    strip = opened.locator("#strips svg").first
    box = strip.bounding_box()
    strip.click(position={"x": box["width"] * 0.5, "y": 5})
    assert frame(opened) == 1003


def test_the_strips_show_the_values_of_the_frame(opened, reviewed):
    """Confidence, agreement and flicker in per cent, softness in plate pixels, as in the JSON."""
    third = json.loads((reviewed / "shot.json").read_text())["objects"][1]["frames"][2]
    opened.keyboard.press("Home")
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("ArrowRight")
    values = opened.locator(".strip").nth(1).locator(".lane b").all_inner_texts()
    assert values == [
        f"{100 * third['confidence']:.0f} %",
        f"{100 * third['agreement']:.0f} %",
        f"{100 * third['flicker']:.1f} %",
        f"{100 * third['area']:.1f} %",
        f"{96 * third['softness']:.1f} px",
    ]
    opened.keyboard.press("End")
    values = opened.locator(".strip").nth(1).locator(".lane b").all_inner_texts()
    assert (values[0], values[2]) == ("key", "\u2013")


@pytest.mark.parametrize(("key", "name"), [("3", "Matte"), ("7", "Edge")])
def test_the_earlier_version_can_be_shown(opened, key, name):
    """In every view, also of the edge; here it is the inverse. Frames that it does not have are named."""
    opened.keyboard.press("Home")
    opened.keyboard.press("ArrowRight")
    opened.keyboard.press("o")  # one object: the inverse of two adds up to more than 1
    opened.keyboard.press(key)
    wait_for_view(opened, name)
    now = opened.evaluate(PIXELS)
    opened.keyboard.press("b")
    opened.locator("#badge", has_text="B: old/m.####.exr").wait_for()
    before = opened.evaluate(PIXELS)
    assert {first + second for first, second in zip(now, before, strict=True)} <= {254, 255, 256}
    assert len(set(now)) > 2
    opened.keyboard.press("End")
    opened.locator("#badge", has_text="B: no mattes of this frame in old/m.####.exr").wait_for()


def test_the_page_is_accessible(opened):
    """Axe finds no violation: contrast, names, roles."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright")
    opened.wait_for_timeout(300)
    found = axe.Axe().run(opened)
    assert found.violations_count == 0, found.generate_report()


@pytest.mark.parametrize("width", [1600, 900, 420])
def test_nothing_is_wider_than_the_window(browser, reviewed, width):
    context = browser.new_context(viewport={"width": width, "height": 800}, offline=True)
    page = context.new_page()
    page.goto((reviewed / "shot.html").as_uri())
    page.locator("#loading").wait_for(state="hidden")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    context.close()
