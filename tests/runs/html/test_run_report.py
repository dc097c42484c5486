import base64
import html
import json
import re
import subprocess
import sys
from html.parser import HTMLParser

import pytest

from fathom.errors import FathomError
from fathom.runs.html.charts.heat_map import heat_map
from fathom.runs.html.charts.lines import Line, line_chart
from fathom.runs.html.pages.report import write_report

VOID = {"meta", "link", "img", "br"}
EVIL = "<script>alert(1)</script>\"'&"


class Balance(HTMLParser):
    """Collects tags and text, and sees that every tag that opens closes."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.stack, self.tags, self.attributes, self.ids, self.text = [], set(), set(), [], []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self.ids += [value for name, value in attrs if name == "id"]
        if tag not in VOID:
            self.stack.append(tag)

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag

    def handle_startendtag(self, tag, attrs):
        self.tags.add(tag)

    def handle_data(self, data):
        self.text.append(data)


def parse(path):
    parser = Balance()
    parser.feed(path.read_text(encoding="utf-8"))
    parser.close()
    assert parser.stack == []
    assert len(parser.ids) == len(set(parser.ids))
    return parser


def edit(path, **fields):
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_the_page_shows_the_run(tmp_path, make_run):
    folder = make_run(tmp_path)
    path = write_report(folder)
    assert path == folder / "report.html"
    text = " ".join(" ".join(parse(path).text).split())
    evaluation = json.loads((folder / "evaluation.json").read_text())
    for expected in (
        "lenet", "fashion_mnist", f"{100 * evaluation['accuracy']:.1f}%", "test accuracy", "finished", "61,706",
        "What the numbers say", "Final numbers", "Confusion matrix", "Per class", "Worst mistakes", "Layers",
        "16×10×10", "Receptive field", "weight_decay: 0.0", "Example CPU @ 2.50GHz", "2.15.0",
        "heap kept: 4.1 s → 3.1 s an epoch", "fathom train lenet --data fashion_mnist --lr 0.1",
        "1 March 2025, 14:15:00",
    ):  # fmt: skip
        assert expected in text, expected
    for row in evaluation["confusion"]:
        for cell in filter(None, row):
            assert f">{cell}</text>" in path.read_text()


def test_the_page_loads_and_runs_nothing(tmp_path, make_run):
    path = write_report(make_run(tmp_path))
    page = path.read_text(encoding="utf-8")
    parsed = parse(path)
    assert not parsed.tags & {"script", "iframe", "object", "embed", "form", "base", "audio", "video"}
    assert not [name for name in parsed.attributes if name.startswith("on") or name == "style"]
    assert not re.findall(r"https?://|url\((?!#)|@import", page)
    assert set(re.findall(r'(?:src|href)="([^"#]{5})', page)) == {"data:"}
    policy = html.unescape(re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1])
    assert policy.startswith("default-src 'none'; style-src 'sha256-")
    assert "unsafe" not in policy


def test_images_are_inside_bit_for_bit(tmp_path, make_run):
    folder = make_run(tmp_path, mistakes=3)
    page = write_report(folder).read_text()
    for entry in json.loads((folder / "evaluation.json").read_text())["mistakes"]:
        assert base64.b64encode((folder / entry["image"]).read_bytes()).decode() in page
        assert f"→ </span>{entry['predicted']}" in page or f"→ {entry['predicted']}" in page


def test_hostile_names_stay_text(tmp_path, make_run):
    folder = make_run(tmp_path, classes=tuple(f"{EVIL}{i}" for i in range(4)), message=EVIL)
    edit(folder / "run.json", command=["fathom", EVIL], seed=EVIL, machine={EVIL: EVIL}, created=EVIL, fathom=EVIL)
    model = json.loads((folder / "model.json").read_text())
    model["layers"][0] |= {"name": EVIL, "type": EVIL, "output_shape": [EVIL]}
    edit(folder / "model.json", layers=model["layers"])
    config = (folder / "config.yaml").read_text().replace("lenet", json.dumps(EVIL).replace("\\'", "'"))
    (folder / "config.yaml").write_text(config)
    parsed = parse(write_report(folder))
    assert "script" not in parsed.tags
    assert EVIL in "".join(parsed.text)


@pytest.mark.parametrize("name", ["../secret.png", "/etc/hostname", "mistakes/none.png", "mistakes/fake.png", None, 7])
def test_only_pngs_of_the_folder_are_shown(tmp_path, make_run, name):
    folder = make_run(tmp_path, mistakes=1)
    image = next((folder / "mistakes").iterdir()).read_bytes()
    (tmp_path / "secret.png").write_bytes(image)
    (folder / "mistakes" / "fake.png").write_text("<svg onload=alert(1)>")
    evaluation = json.loads((folder / "evaluation.json").read_text())
    evaluation["mistakes"][0]["image"] = name
    edit(folder / "evaluation.json", **evaluation)
    page = write_report(folder).read_text()
    assert "data:image" not in page
    assert 'class="missing"' in page


def test_a_link_out_of_the_folder_is_not_followed(tmp_path, make_run):
    folder = make_run(tmp_path, mistakes=1)
    image = next((folder / "mistakes").iterdir())
    (tmp_path / "secret.png").write_bytes(image.read_bytes())
    image.unlink()
    image.symlink_to(tmp_path / "secret.png")
    assert "data:image" not in write_report(folder).read_text()


def test_missing_parts_are_explained(tmp_path, make_run, make_regression_run):
    stopped = make_run(tmp_path, status="stopped", evaluation=False, epochs=2, message="stopped by SIGINT")
    text = " ".join(parse(write_report(stopped)).text)
    assert "stopped before the test set was used" in text
    assert "best validation accuracy" in text
    assert "stopped by SIGINT" in text

    begun = make_run(tmp_path, "20250301-160000-a-b", status="failed", evaluation=False)
    for name in ("metrics.jsonl", "model.json"):
        (begun / name).unlink()
    text = " ".join(parse(write_report(begun)).text)
    assert "nothing to draw" in text
    assert "no layer table" in text

    bare = make_run(tmp_path, "20250301-170000-a-b", validation=False)
    assert "Not checked (fit.overfitting): there is no validation curve" in " ".join(parse(write_report(bare)).text)

    text = " ".join(parse(write_report(make_regression_run(tmp_path))).text)
    assert "Root mean squared error" in text
    assert "Predicted over true" in text
    assert "accuracy" not in text.lower()


def test_many_classes_are_listed_instead_of_drawn(tmp_path, make_run):
    text = " ".join(parse(write_report(make_run(tmp_path, classes=tuple(f"k{i}" for i in range(40))))).text)
    assert "With 40 classes a matrix is too large to read" in text
    assert "All 40 classes" in text


def test_a_run_that_diverged_has_a_page(tmp_path, make_run):
    folder = make_run(tmp_path, epochs=3, evaluation=False, status="failed")
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    for i, line in enumerate(lines):
        line |= {key: (1e30 if i < 4 else None) for key in line if key.endswith("loss")}
    (folder / "metrics.jsonl").write_text("\n".join(map(json.dumps, lines)) + "\n")
    assert "the training diverged there" in " ".join(parse(write_report(folder)).text)


def test_a_long_run_stays_small(tmp_path, make_run):
    path = write_report(make_run(tmp_path, epochs=1500, mistakes=0))
    parse(path)
    assert path.stat().st_size < 700_000
    assert "the last 500 shown" in path.read_text()


def test_the_page_can_go_elsewhere(tmp_path, make_run):
    folder = make_run(tmp_path)
    assert write_report(folder, tmp_path / "page.html") == tmp_path / "page.html"
    assert not (folder / "report.html").exists()
    with pytest.raises(FathomError, match=r"no such folder: .*absent"):
        write_report(folder, tmp_path / "absent" / "page.html")


def test_the_page_leads_to_the_series_of_its_run(tmp_path, make_run):
    series = tmp_path / "20250301-120000-crossval-mlp-digits"
    (series / "mlp").mkdir(parents=True)
    (series / "crossval.json").write_text("{}")
    fold = make_run(series / "mlp", "fold-1")
    link = '<a href="{}">Part of a cross-validation</a>'
    assert link.format("../../crossval.html") in write_report(fold).read_text()
    assert link.format("crossval.html") in write_report(fold, series / "page.html").read_text()


def test_gaps_break_a_line():
    chart = line_chart("k", "T", [Line("a", [(1, 1.0), (2, None), (3, 2.0)], "val")], describe="d")
    path = re.search(r'class="line" d="(M[^"]*M[^"]*)"', chart)
    assert path
    assert "L" not in path[1]


def test_what_a_mark_says_stands_in_the_legend_where_no_curve_can_cross_it():
    chart = line_chart("k", "T", [Line("a", [(1, 1.0), (2, 0.5)], "val")], describe="d", mark=(2, "lowest at epoch 2"))
    assert "lowest" not in chart[chart.index('<svg viewBox="0 0 460') :]
    assert "lowest at epoch 2</li>" in chart


def test_charts_are_named_for_those_who_hear_them():
    chart = line_chart("loss-chart", "Loss", [Line("a", [(1, 1.0)], "val")], describe="falls & rises")
    assert 'role="img" aria-labelledby="loss-chart-name loss-chart-about"' in chart
    assert '<desc id="loss-chart-about">falls &amp; rises</desc>' in chart


def test_cells_say_what_they_count():
    chart = heat_map("m", "M", [[3, 1], [0, 4]], ["cat", "dog"], describe="d")
    assert "true cat, predicted dog: 1 (25.0% of cat)" in chart
    assert re.search(r'class="cell right"[^>]*fill-opacity="0.750"', chart)
    assert re.search(r'class="cell wrong"[^>]*fill-opacity="0.900"', chart)


def test_reports_need_no_heavy_library(tmp_path, make_run):
    folder = make_run(tmp_path)
    code = (
        "import sys; from fathom.runs.html.pages.report import write_report; write_report(sys.argv[1]);"
        "print([m for m in ('torch', 'numpy', 'matplotlib', 'pandas', 'PIL', 'rich') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code, str(folder)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
