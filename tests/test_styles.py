"""The stylesheets: each block is styled in one file, each class is used, and each page links what it shows."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path

from tests.support.paths import ROOT

CSS, JS, TEMPLATES = ROOT / "static/css", ROOT / "static/js", ROOT / "templates"
# They stand in Django's admin site, which brings stylesheets of its own.
NOT_OURS = {"pages/books.css", "pages/desk.css", "pages/record.css"}
SCRIPTS_NOT_OURS = {"desk.js"}
NO_PAGES = ("admin/", "mail/")
SET_BY_SCRIPTS = {"htmx-request", "js", "records"}  # by htmx, and by theme.js on the root
MAX_LINES, MAX_COLUMNS = 600, 120

PART = r"(?:\{%.*?%\}|\{\{.*?\}\}|[^\"])*"
CLASSES = re.compile(rf'class="({PART})"', re.DOTALL)
CLASSES_OF_SCRIPTS = re.compile(r"(?:className = |classList\.\w+\()[\"`]([^\"`]+)")
INCLUDED = re.compile(r"\{% include \"([^\"]+)\"")
EXTENDED = re.compile(r"\{% extends (?:[\w.]+\|yesno:)?\"([^\"]+)\"")
INCLUSION_TAG = re.compile(r"inclusion_tag\(\"([^\"]+)\".*\)\s+def (\w+)")
LINKED = re.compile(r"""static[ (]['"]css/([^'"]+)['"]""")
NAME = re.compile(r"\.([a-zA-Z][\w-]*)")
UNBREAKABLE = re.compile(r" *(?:\{%[^%]*%\}|[\w-]+=\"[^\"]*\">?)")


def stylesheets() -> dict[str, str]:
    """What each of our files says, without comments, by its path below ``css/``."""
    texts = {str(path.relative_to(CSS)): path.read_text() for path in sorted(CSS.rglob("*.css"))}
    return {
        name: re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL) for name, text in texts.items() if name not in NOT_OURS
    }


def selectors(css: str) -> Iterator[str]:
    for head in re.findall(r"([^{};]+)\{", css):
        if not head.strip().startswith("@"):
            yield from (each.strip() for each in re.split(r",(?![^(]*\))", head))


def block_of(name: str) -> str:
    """``slot`` for ``slot__head`` and for ``slot--bad``."""
    return re.split(r"__|--", name)[0]


def blocks_in(selector: str) -> set[str]:
    return {block_of(name) for name in NAME.findall(selector)} - SET_BY_SCRIPTS


@cache
def homes() -> Mapping[str, set[str]]:
    """The files with rules of a block alone; for one that has none, those with rules of it in or beside others."""
    alone, together = defaultdict(set), defaultdict(set)
    for name, css in stylesheets().items():
        for blocks in map(blocks_in, selectors(css)):
            for block in blocks:
                (alone if len(blocks) == 1 else together)[block].add(name)
    return {**together, **alone}


def classes_in(markup: str) -> set[str]:
    """The names in ``class``; what a template fills in is ``*``."""
    values = (re.sub(r"\{%.*?%\}", " ", value) for value in CLASSES.findall(markup))
    return {
        re.sub(r"\{\{.*?\}\}", "*", name) for value in values for name in re.sub(r"\{\{.*?\}\}", "*", value).split()
    }


def classes_of_scripts() -> set[str]:
    named = (
        CLASSES_OF_SCRIPTS.findall(path.read_text()) for path in JS.glob("*.js") if path.name not in SCRIPTS_NOT_OURS
    )
    return {re.sub(r"\$\{.*?\}", "*", name) for values in named for value in values for name in value.split()}


def templates() -> dict[str, str]:
    names = {str(path.relative_to(TEMPLATES)): path for path in TEMPLATES.rglob("*.html")}
    return {name: path.read_text() for name, path in names.items() if not name.startswith(NO_PAGES)}


@cache
def inclusion_tags() -> dict[str, str]:
    files = (path for app in ("avatarsite", "billing", "studio") for path in (ROOT / app).rglob("templatetags/*.py"))
    return {tag: name for path in files for name, tag in INCLUSION_TAG.findall(path.read_text())}


def drawn_by(name: str, seen: set[str] | None = None) -> set[str]:
    """The template with all that it extends and includes."""
    seen = set() if seen is None else seen
    if name in seen or not (TEMPLATES / name).exists():
        return seen
    seen.add(name)
    text = (TEMPLATES / name).read_text()
    tags = [template for tag, template in inclusion_tags().items() if f"{{% {tag} " in text]
    extended = [each for names in EXTENDED.findall(text) for each in names.split(",")]
    for each in (*INCLUDED.findall(text), *extended, *tags):
        drawn_by(each, seen)
    return seen


def matched(name: str, names: set[str]) -> bool:
    return any(re.fullmatch(re.escape(each).replace(r"\*", r"[\w-]*"), name) for each in names)


def test_each_block_is_styled_in_one_file() -> None:
    assert {block: files for block, files in homes().items() if len(files) > 1} == {}


def test_rules_of_several_blocks_stand_with_one_of_them() -> None:
    strays = [
        (name, selector)
        for name, css in stylesheets().items()
        for selector in selectors(css)
        if (blocks := blocks_in(selector)) and not any(name in homes()[block] for block in blocks)
    ]
    assert strays == []


def test_each_class_that_is_used_has_a_rule_and_each_rule_a_use() -> None:
    styled = {name for css in stylesheets().values() for selector in selectors(css) for name in NAME.findall(selector)}
    used = {name for text in templates().values() for name in classes_in(text)} | classes_of_scripts()
    fixed = {name for name in used if "*" not in name}
    assert sorted(fixed - styled - homes().keys()) == []
    assert [name for name in sorted(used - fixed) if not any(matched(each, {name}) for each in styled)] == []
    assert [name for name in sorted(styled - SET_BY_SCRIPTS) if not matched(name, used)] == []


def test_each_page_links_the_stylesheets_of_what_it_shows() -> None:
    always = set(LINKED.findall((TEMPLATES / "layouts/head.html").read_text()))
    wrong = {}
    for name in templates():
        if "layouts/head.html" not in (drawn := drawn_by(name)) or name.startswith("layouts/"):
            continue
        shown = {block_of(each) for part in drawn for each in classes_in((TEMPLATES / part).read_text())}
        needed = {file for block in shown for file in homes().get(block, ())} - always
        linked = {file for part in drawn for file in LINKED.findall((TEMPLATES / part).read_text())} - always
        if needed != linked:
            wrong[name] = {"missing": sorted(needed - linked), "without use": sorted(linked - needed)}
    assert wrong == {}


def test_each_stylesheet_is_there_and_no_longer_than_can_be_read() -> None:
    places = (*TEMPLATES.rglob("*.html"), ROOT / "avatarsite/settings.py")
    linked = {file for path in places for file in LINKED.findall(path.read_text())}
    assert linked == {str(path.relative_to(CSS)) for path in CSS.rglob("*.css")}
    assert {path.name: lines for path in CSS.rglob("*.css") if (lines := _lines(path)) > MAX_LINES} == {}


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def test_no_line_of_a_template_is_too_long() -> None:
    # Mail clients want their styles in the element.
    ours = (path for path in TEMPLATES.rglob("*.html") if path.relative_to(TEMPLATES).parts[0] not in {"admin", "mail"})
    assert [f"{path.name}:{line}" for path in ours for line in _long(path)] == []


def _long(path: Path) -> Iterator[int]:
    """Line numbers. What nobody can break may be long: a tag of Django's, an attribute, and what ``<pre>`` shows."""
    shown = False
    for number, line in enumerate(path.read_text().splitlines(), start=1):
        shown = shown or "<pre" in line
        if len(line) > MAX_COLUMNS and not shown and not UNBREAKABLE.fullmatch(line):
            yield number
        shown = shown and "</pre" not in line
