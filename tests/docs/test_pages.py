"""The documentation as a whole: every page can be reached, the layout is the real one, the words are the glossary's."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READMES = [ROOT / "README.md", ROOT / "README.zh-CN.md"]
PAGES = sorted((ROOT / "docs").glob("*.md"))
# Words of an earlier dialect; the glossary in CONTRIBUTING.md has the terms to use in their place.
OLD_WORDS = re.compile(r"\b(pictures?|judg\w+|wanting|heeds?|whatever it may be|set side by side)\b", re.IGNORECASE)
OLD_WORDS_ZH = re.compile(r"图片|增广|精度")


def read(path: Path) -> str:
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("readme", READMES, ids=lambda page: page.name)
def test_every_page_is_linked_from_the_readme(readme: Path) -> None:
    linked = {target.partition("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", read(readme))}
    wanted = {page.relative_to(ROOT).as_posix() for page in PAGES} | {"docs/ideas/README.md"}
    assert wanted <= linked


def test_contributing_describes_every_folder_of_the_package() -> None:
    layout = re.search(r"^```text\nsrc/fathom/\n(.*?)^```$", read(ROOT / "CONTRIBUTING.md"), re.DOTALL | re.MULTILINE)
    assert layout is not None
    described = re.findall(r"^  (\w+)/", layout[1], re.MULTILINE)
    folders = {path.parent.name for path in (ROOT / "src" / "fathom").glob("*/*.py")}
    assert sorted(described) == sorted(folders), "the layout in CONTRIBUTING.md, and the folders of src/fathom"


@pytest.mark.parametrize("page", [*READMES, *PAGES], ids=lambda page: page.name)
def test_pages_use_the_words_of_the_glossary(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", read(page), flags=re.DOTALL | re.MULTILINE)
    assert OLD_WORDS.findall(prose) == []
    if page.name.endswith(".zh-CN.md"):
        assert OLD_WORDS_ZH.findall(prose) == []


def test_the_chinese_readme_uses_the_terms_of_the_glossary() -> None:
    rows = re.findall(r"^\| [^|]+ \| ([^|]+) \|[^|]+\|[^|]+\|$", read(ROOT / "CONTRIBUTING.md"), re.MULTILINE)
    terms = {term for row in rows for term in re.findall(r"[\u4e00-\u9fff]+", row)}
    assert {"图像", "样本", "检查点", "准确率", "运行目录"} <= terms
    text = read(READMES[1])
    assert {"图像", "样本", "检查点", "准确率", "运行目录"} <= {term for term in terms if term in text}
