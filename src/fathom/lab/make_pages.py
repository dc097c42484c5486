"""Write the pages of ``docs/lab`` from the published results: ``python -m fathom.lab.make_pages [docs/lab]``.

A page has the claim's statement, verdict, figure and numbers, and the code of its file; the overview in English and in
Chinese has a table between two marks. Figures are drawn anew where the result has changed.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fathom.files import write_atomically
from fathom.lab.published import all_published, publish, survivors
from fathom.lab.registry import claim_files, load_claim
from fathom.lab.results import reword
from fathom.lab.wording import found_text, grid_note, headline, margin_text

BEGIN, END = "<!-- table of claims: python -m fathom.lab.make_pages -->", "<!-- end of the table -->"
DIGEST = re.compile(r"<!-- figure of (\w+) -->")
VERDICTS = {"holds": "成立", "fails": "不成立", "depends": "视情况而定", "undecided": "未定"}


def page_of(content: Mapping[str, Any]) -> str:
    """Return the page of one claim."""
    name = content["name"]
    paper = f"; {content['paper']}" if content["paper"] else ""
    return f"""# {content["title"]}

`fathom lab {name}` · {_places(content)} · [All claims](README.md)

**The claim.** {content["statement"]} (notes {content["place"]}{paper})

**Verdict: {content["verdict"]["text"]}.**

{" ".join(content["sentences"])}

![{content["title"]}](figures/{name}.svg)
<!-- figure of {digest_of(content)} -->

{_numbers(content)}**How.** {_sentences(content)}

**Rule.** {content["rule"]}

**What would change the verdict.** {content["would_change"]}

```python
{_code(name)}
```
"""


def table(contents: list[dict[str, Any]]) -> str:
    """Return the overview in Markdown: what the notes say, what was measured."""
    rows = [
        f"| [{content['title']}]({content['name']}.md) | {content['statement']} ({content['place']}) "
        f"| **{content['verdict']['text']}** | {_cell(headline(content))} | {len(content['seeds']) or 'exact'} |"
        for content in contents
    ]
    kept, decided = survivors(contents)
    about = f"{_count(contents)}. Of {decided} decisions {kept} stand when all are corrected together (Holm, 5 %)."
    head = ["| claim | the notes say | verdict | effect (95 % interval) | seeds |", "|---|---|---|---|---|"]
    return "\n".join([BEGIN, "", about, "", *head, *rows, "", END])


def chinese_table(contents: list[dict[str, Any]]) -> str:
    """Return the overview in Chinese: what the book says, what we measured."""
    rows = [
        f"| [{content['title']}]({content['name']}.md) | {content['chinese'][0]}（{content['place']}） "
        f"| **{VERDICTS[content['verdict']['kind']]}** | {_cell(content['chinese'][1])} |"
        for content in contents
    ]
    kept, decided = survivors(contents)
    counts = Counter(content["verdict"]["kind"] for content in contents)
    counted = "，".join(f"{text} {counts[kind]}" for kind, text in VERDICTS.items() if counts[kind])
    about = (
        f"共 {len(contents)} 条：{counted}。全部比较一起做 Holm 校正（5 %）后，{decided} 个结论中 {kept} 个仍然成立。"
    )
    head = ["| 实验 | 书上怎么说 | 结论 | 我们测到什么 |", "|---|---|---|---|"]
    return "\n".join([BEGIN, "", about, "", *head, *rows, "", END])


def write_pages(folder: Path) -> None:
    """Write a page for each published claim, its figure if it changed, and both overviews."""
    for content in all_published():  # sentences may have been improved since the measurement
        publish(reword(content, load_claim(content["name"])))
    contents = all_published()
    for content in contents:
        page, figure = folder / f"{content['name']}.md", folder / "figures" / f"{content['name']}.svg"
        found = DIGEST.search(page.read_text(encoding="utf-8")) if page.exists() and figure.exists() else None
        if found is None or found[1] != digest_of(content):
            from fathom.lab.figures import draw_figure

            write_atomically(figure, draw_figure(content, "svg"))
        write_atomically(page, page_of(content))
    for name, written in (("README.md", table(contents)), ("README.zh-CN.md", chinese_table(contents))):
        before, _, rest = (folder / name).read_text(encoding="utf-8").partition(BEGIN)
        write_atomically(folder / name, before + written + rest.partition(END)[2])


def digest_of(content: Mapping[str, Any]) -> str:
    """Return what a figure was drawn from, in a few letters."""
    drawn = [content[key] for key in ("plot", "arms", "comparisons", "facts")]
    return hashlib.sha256(json.dumps(drawn, sort_keys=True).encode()).hexdigest()[:12]


def _sentences(content: Mapping[str, Any]) -> str:
    """Return the design in sentences."""
    design = content["design"]
    seeds = f" {len(content['seeds'])} paired seeds, from {content['seeds'][0]} on." if content["seeds"] else ""
    text = f"Factor: {design['factor']}. Held fixed: {design['fixed']}. Budget: {design['budget']}.{seeds}"
    return f"{text} {grid_note(content)}".rstrip()


def _numbers(content: Mapping[str, Any]) -> str:
    """Return the comparisons and checks as tables."""
    parts = []
    if content["comparisons"]:
        rows = [
            f"| {comparison['title']}{'' if comparison['is_judged'] else ' (context)'} | {_cell(comparison['text'])} "
            f"| {margin_text(comparison)} | {comparison['expected']} | {found_text(comparison)} |"
            for comparison in content["comparisons"]
        ]
        parts += [
            "| difference | effect (95 % interval) | margin | claimed | found |",
            "|---|---|---|---|---|",
            *rows,
            "",
        ]
    if content["facts"]:
        rows = [
            f"| {fact['title']} | {'yes' if fact['holds'] else 'no'} | {_cell(fact['detail'])} |"
            for fact in content["facts"]
        ]
        parts += ["| exact check | true | |", "|---|---|---|", *rows, ""]
    return "\n".join([*parts, ""])


def _code(name: str) -> str:
    """Return the claim's file without what stands above its first definition: docstring and imports."""
    lines = claim_files()[name].read_text(encoding="utf-8").rstrip().splitlines()
    tree = ast.parse("\n".join(lines))
    # the first node that is neither the docstring nor an import
    body = next(node for node in tree.body if not isinstance(node, ast.Expr | ast.Import | ast.ImportFrom))
    return "\n".join(lines[body.lineno - 1 :])


def _places(content: Mapping[str, Any]) -> str:
    path = claim_files()[content["name"]].as_posix()
    where = path[path.index("src/fathom") :] if "src/fathom" in path else path
    return f"[{where.removeprefix('src/fathom/')}](../../{where})"


def _count(contents: list[dict[str, Any]]) -> str:
    counts = Counter(content["verdict"]["kind"] for content in contents)
    listed = ", ".join(f"{counts[kind]} {kind}" for kind in VERDICTS if counts[kind])
    return f"{len(contents)} claims: {listed}"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    write_pages(Path(sys.argv[1] if len(sys.argv) > 1 else "docs/lab"))
