"""Links, images and paths of all pages lead somewhere."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from docs.pages import DOCS, PAGES, ROOT, anchors, code_spans, name_of, prose
from PIL import Image

LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
OURS = re.compile(r"(?<![\w/.~-])(?:stcn_plugin|hosts|tests|examples|docs|\.ci|\.github)(?:/[\w.#*-]+)+/?")
MADE = ("examples/shot/out", "stcn_plugin/_hosts", "examples/shot/shot_v2.yaml")  # by a command or an installation


def test_there_are_pages():
    """The search for pages finds them."""
    names = {name_of(page) for page in PAGES}
    assert names >= {
        "README.md",
        "CONTRIBUTING.md",
        "docs/README.md",
        "docs/reference/settings.md",
        "examples/README.md",
    }


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_links_are_valid(page):
    """Every link is to a file of the repository, to a heading of a page, or to a web page by https."""
    for target in LINK.findall(prose(page)):
        if target.startswith("https://"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.is_file() and file.is_relative_to(ROOT), target
        if anchor:
            assert anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_paths_exist(page):
    """A path in code format, such as `stcn_plugin/cli`, exists."""
    for span in code_spans(page):
        for path in OURS.findall(span):
            if not path.startswith(MADE) and "####" not in path:
                assert (ROOT / path).exists() or list(ROOT.glob(path)), path


def test_the_index_leads_to_every_page():
    """The index of the documentation links to every page."""
    linked = {(DOCS / target.partition("#")[0]).resolve() for target in LINK.findall(prose(DOCS / "README.md"))}
    assert set(DOCS.rglob("*.md")) - {DOCS / "README.md"} <= linked


@pytest.mark.parametrize("picture", sorted((DOCS / "images").iterdir()), ids=lambda path: path.name)
def test_pictures_are_small_and_shown(picture: Path):
    """Every image is shown by a page, can be read, and is at most 300 kB."""
    assert picture.stat().st_size <= 300_000
    if picture.suffix == ".svg":
        root = ElementTree.fromstring(picture.read_bytes())
        size = float(root.attrib["width"]), float(root.attrib["height"])
    else:
        with Image.open(picture) as image:
            size = image.size
    assert min(size) > 100
    assert any(picture.name in page.read_text("utf-8") for page in PAGES)


def test_how_it_works_lists_every_package():
    """Its table has all packages, and no others."""
    text = (DOCS / "how-it-works.md").read_text("utf-8").partition("## The package")[2].partition("\n## ")[0]
    rows = [line.split("|")[2] for line in text.splitlines() if line.startswith("|")][2:]
    listed = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    modules = {path.stem for path in (ROOT / "stcn_plugin").iterdir() if path.suffix == ".py"}
    packages = {path.parent.name for path in (ROOT / "stcn_plugin").glob("*/__init__.py")}
    assert packages <= listed <= packages | modules
