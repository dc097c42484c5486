"""Reading the cells of Python files, notebooks and chapters."""

import json

import pytest

from fathom.book.cells import last_heading, split_python
from fathom.book.documents import read_document
from fathom.book.markdown import read_chapter
from fathom.errors import FathomError, UsageError

NEW_FORM = """\
# The [**Title**] of `it`
```{.python .input}
%load_ext d2lbook.tab
tab.interact_select(['mxnet', 'pytorch'])
```

:begin_tab:`pytorch`
Words about PyTorch.
:end_tab:

```{.python .input}
%%tab mxnet
wrong()
```

```{.python .input  n=3}
%%tab pytorch, mxnet

first()
```
## Next
```{.python .input}
%%tab all
second()
```

```{.python .input}
third()
```

```python
shown_only()
```

```{.python .input}
# %%tab jax
wrong()
```

````{.python .input}
%%tab pytorch
text = '''
```
'''
````
"""

OLD_FORM = """\
# 标题
```{.python .input}
mxnet()
```

```{.python .input}
#@tab pytorch
first()
```

```{.python .input}
#@tab mxnet, pytorch, paddle
second()
```

```{.python .input}
#@tab paddle
wrong()
```

```{.python .input}
#@tab all
third()
"""


def test_a_chapter_gives_its_cells_for_pytorch_with_headings_and_lines():
    cells = read_chapter(NEW_FORM)
    assert [cell.source for cell in cells] == ["first()", "second()", "third()", "text = '''\n```\n'''"]
    assert [cell.heading for cell in cells] == ["The Title of it", "Next", "Next", "Next"]
    assert [cell.number for cell in cells] == [1, 2, 3, 4]
    lines = NEW_FORM.splitlines()
    assert [lines[cell.line - 1] for cell in cells] == ["first()", "second()", "third()", "text = '''"]


def test_unmarked_blocks_of_the_older_form_are_for_mxnet(tmp_path):
    (tmp_path / "a.md").write_text(OLD_FORM, encoding="utf-8")
    assert [cell.source for cell in read_document(tmp_path / "a.md").cells] == ["first()", "second()", "third()"]


def test_unmarked_blocks_are_for_the_framework_that_the_book_lists_first(tmp_path):
    chapter = tmp_path / "chapter_x"
    chapter.mkdir()
    (chapter / "a.md").write_text(OLD_FORM, encoding="utf-8")
    (tmp_path / "config.ini").write_text("[build]\ntabs = pytorch, mxnet\n")
    assert read_document(chapter / "a.md").cells[0].source == "mxnet()"
    (tmp_path / "config.ini").write_text("[build]\ntabs = mxnet, pytorch\n")
    assert read_document(chapter / "a.md").cells[0].source == "first()"


def test_unmarked_blocks_are_for_pytorch_where_mxnets_are_marked(tmp_path):
    text = "```{.python .input}\nshared()\n```\n```{.python .input}\n#@tab mxnet\nwrong()\n```\n"
    (tmp_path / "a.md").write_text(text)
    assert [cell.source for cell in read_document(tmp_path / "a.md").cells] == ["shared()"]


def test_a_python_file_is_one_cell_or_cut_at_its_marks():
    assert [cell.source for cell in split_python("a = 1\n\nb = 2\n")] == ["a = 1\n\nb = 2"]
    cells = split_python("import x\n# %% Data\n\na = 1\n#%%\n# %%%% not a mark\nb = 2\n# %%\n")
    assert [(c.heading, c.line, c.source) for c in cells] == [
        ("", 1, "import x"),
        ("Data", 4, "a = 1"),
        ("", 6, "# %%%% not a mark\nb = 2"),
    ]


def notebook(*cells, language="python", version=4):
    made = [
        {"cell_type": kind, "metadata": {}, "source": source}
        | ({"outputs": [], "execution_count": None} if kind == "code" else {})
        for kind, source in cells
    ]
    return {
        "cells": made,
        "metadata": {"kernelspec": {"name": "k", "display_name": "k", "language": language}},
        "nbformat": version,
        "nbformat_minor": 4,
    }


def test_a_notebook_gives_its_code_cells(tmp_path):
    content = notebook(
        ("markdown", "# One\ntext"), ("code", ["a = 1\n", "b"]), ("raw", "no"), ("code", ""), ("code", "c")
    )
    (tmp_path / "a.ipynb").write_text(json.dumps(content))
    cells = read_document(tmp_path / "a.ipynb").cells
    assert [(cell.heading, cell.line, cell.source) for cell in cells] == [("One", 0, "a = 1\nb"), ("One", 0, "c")]


def test_a_notebook_of_version_3_is_read(tmp_path):
    sheet = {"cells": [{"cell_type": "code", "input": ["a = 1"], "language": "python", "outputs": [], "metadata": {}}]}
    content = {"worksheets": [sheet], "metadata": {"name": "x"}, "nbformat": 3, "nbformat_minor": 0}
    (tmp_path / "a.ipynb").write_text(json.dumps(content))
    assert [cell.source for cell in read_document(tmp_path / "a.ipynb").cells] == ["a = 1"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.ipynb", b"{", "a.ipynb is not a Jupyter notebook, or a damaged one"),
        ("a.ipynb", b'{"cells": 3}', "a.ipynb is not a Jupyter notebook, or a damaged one"),
        ("a.ipynb", b"[1, 2]", "a.ipynb is not a Jupyter notebook, or a damaged one"),
        ("a.ipynb", json.dumps(notebook(("code", "x"), language="R")).encode(), "a notebook for R; only Python"),
        ("a.ipynb", json.dumps(notebook(("markdown", "x"))).encode(), "contains no code"),
        ("a.py", b"\n\n", "contains no code"),
        ("a.py", b"\xff\xfe\x00", "not text in UTF-8"),
        ("a.md", b"# Words\n", "contains no PyTorch code"),
        ("a.md", b"```{.python .input}\n%%tab jax\nx\n```\n", "contains no PyTorch code"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(FathomError) as raised:
        read_document(tmp_path / name)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_other_files_missing_files_and_folders(tmp_path):
    with pytest.raises(UsageError, match=r"name a \.py file, an \.ipynb notebook or a \.md chapter"):
        read_document(tmp_path / "a.txt")
    with pytest.raises(FathomError, match=r"cannot read .*no such file"):
        read_document(tmp_path / "a.py")
    (tmp_path / "b.py").mkdir()
    with pytest.raises(FathomError, match="is a folder"):
        read_document(tmp_path / "b.py")


def test_the_last_heading_counts():
    assert last_heading("# A\ntext\n## [B](x.html) ##\n") == "B"
    assert last_heading("text\n#no heading") == ""
