"""The pages of a run, as the system's Chromium shows them."""

import os
import runpy
import shutil
from pathlib import Path

import numpy as np
import pytest

from fathom.data.images.samples import draw_strip
from fathom.findings import Finding
from fathom.runs.analysis.comparison import compare_runs
from fathom.runs.analysis.crossval import CrossValidation
from fathom.runs.analysis.study import Axis, BestRun, Study, Trial
from fathom.runs.folder.reader import RunReader
from fathom.runs.html.pages.check import CheckContent, write_check
from fathom.runs.html.pages.comparison import write_comparison
from fathom.runs.html.pages.crossval import crossval_page
from fathom.runs.html.pages.report import write_report
from fathom.runs.html.pages.study import study_page

CHROMIUM = os.environ.get("FATHOM_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not Path(CHROMIUM).exists(), reason="chromium is not installed; set FATHOM_CHROMIUM to its path"
    ),
]

FAKE = runpy.run_path(str(Path(__file__).parents[1] / "runs" / "fake_run.py"))

CONTRAST = """() => {
  const parse = text => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(v => v / 255)
    .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const ratio = (a, b) => (Math.max(light(a), light(b)) + 0.05) / (Math.min(light(a), light(b)) + 0.05);
  const over = (top, share, below) => top.slice(0, 3).map((v, i) => v * share + below[i] * (1 - share));
  const paper = parse(getComputedStyle(document.body).backgroundColor);
  const found = [];
  const kinds = 'h1, h2, h3, p, li, td, th, dt, dd, summary, nav a, figcaption span, .status, .quiet, svg text';
  for (const node of document.querySelectorAll(kinds)) {
    if (!node.textContent.trim() || node.closest('.tip')) continue;
    const style = getComputedStyle(node);
    const cell = node.parentElement.querySelector(':scope > .cell');
    const block = node.closest('.message, pre');
    let ground = block ? parse(getComputedStyle(block).backgroundColor) : paper;
    if (cell && node.matches('.cell-text')) {
      const below = parse(getComputedStyle(node.parentElement.querySelector('.cell-ground')).fill);
      ground = over(parse(getComputedStyle(cell).fill), Number(getComputedStyle(cell).fillOpacity), below);
    }
    const ink = parse(node instanceof SVGElement ? style.fill : style.color);
    found.push([ratio(ink, ground), node.textContent.slice(0, 30), node.className.baseVal ?? node.className]);
  }
  return found.sort((a, b) => a[0] - b[0]).slice(0, 3);
}"""


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser):
    """Open a file, and hold its console and its requests to be quiet."""
    contexts = []
    noise = []

    def show(path, width=1280, scheme="light"):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: noise.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: noise.append(f"error: {error}"))
        page.on("request", lambda request: noise.append(request.url) if not quiet(request.url, path) else None)
        page.goto(path.as_uri())
        return page

    yield show
    for context in contexts:
        context.close()
    assert noise == []


def quiet(url, path):
    return url == path.as_uri() or url.startswith("data:")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """A page for every kind of run."""
    root = tmp_path_factory.mktemp("runs")
    make_run = FAKE["make_run"]
    folders = {
        "whole": make_run(root, "20250301-100000-lenet-fashion_mnist"),
        "stopped": make_run(
            root, "20250301-110000-a-b", status="stopped", evaluation=False, epochs=3, message="SIGINT"
        ),
        "unvalidated": make_run(root, "20250301-120000-a-b", validation=False),
        "wide": make_run(root, "20250301-130000-a-b", classes=tuple(f"a rather long name {i}" for i in range(26))),
        "many": make_run(root, "20250301-140000-a-b", classes=tuple(f"class{i}" for i in range(60))),
        "regression": FAKE["make_regression_run"](root, "20250301-150000-linear-synthetic"),
        "hostile": make_run(
            root, "20250301-160000-a-b", classes=("<script>alert(1)</script>", "x" * 300), message="<b>"
        ),
    }
    pages = {name: write_report(folder) for name, folder in folders.items()}
    comparison = compare_runs([folders["whole"], folders["stopped"], folders["unvalidated"]])
    pages["comparison"] = write_comparison(comparison, root / "compare.html")
    pages["check"] = write_check(make_check(), root / "check.html")
    pages["study"] = make_study_page(folders["whole"]).write(root / "study.html")
    pages["crossval"] = crossval_page(make_cross_validation(root / "20250301-170000-crossval")).write(
        root / "crossval.html"
    )
    return pages


LONG = "Œil d’une très longue classe " * 4


def make_check():
    """A check of classes in several scripts, of which one is long."""
    names = ["Frösche", "猫", LONG]
    strip = draw_strip(np.full((8, 3, 48, 64), 90, dtype=np.uint8))
    return CheckContent(
        name="a-rather-long-folder-name-without-any-blank-in-it",
        what="images",
        findings=[Finding("data.few_samples", "warning", f"fewer than 10 training samples of {', '.join(names)}")],
        not_checked=[],
        facts=[("sizes", "48×64"), ("mean of each channel", "0.636, 0.5723, 0.5724")],
        splits=[("train", 30, [10, 10, 10]), ("val", 3, [1, 1, 1])],
        labels=names,
        broken=[("photos/" + "x" * 120 + ".png", "cannot identify image file")],
        samples=[(name, strip) for name in names],
    )


def make_study_page(run):
    """A study of eleven settings, with the run that was kept."""
    names = [f"training.setting_{i}" for i in range(11)]
    trials = [
        Trial(i, "complete", 0.5 + i / 50, dict.fromkeys(names, 0.1 * (i + 1)), [(1, 0.4), (2, 0.5 + i / 50)], 3.0)
        for i in range(6)
    ]
    axes = [Axis(name, "0.1..1") for name in names]
    study = Study(
        "s", "mlp", "digits", "val_accuracy", True, axes, trials, 6, "median", 0, dict.fromkeys(names, 1 / 11)
    )
    return study_page(study, BestRun("run/report.html", RunReader(run).evaluation))


def make_cross_validation(path):
    """Two models with long names, three folds each."""
    models = ("a_network_with_a_long_name", "mlp")
    plan = {
        "task": "classification", "folds": 3, "repeats": 1, "models": {name: {} for name in models}, "data": "digits",
        "status": "done", "division": "stratified", "unit": "sample", "parts": "862 to learn from, 480 held out",
    }  # fmt: skip
    rows = [
        {"model": model, "repeat": 1, "fold": i, "held_out": 480, "accuracy": 0.9 + i / 50, "macro_f1": 0.9,
         "loss": 0.3, "train_s": 1.0, "status": "done", "run": f"{model}/fold-{i}"}
        for model in models for i in (1, 2, 3)
    ]  # fmt: skip
    return CrossValidation(path, plan, rows)


KINDS = ["whole", "stopped", "unvalidated", "wide", "many", "regression", "hostile"]
KINDS += ["comparison", "check", "study", "crossval"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (390, "dark")])
def test_nothing_overflows_and_everything_is_readable(open_page, pages, kind, width, scheme):
    page = open_page(pages[kind], width, scheme)
    assert page.evaluate("document.documentElement.scrollWidth") == width
    worst = page.evaluate(CONTRAST)
    assert worst[0][0] >= 4.0, worst
    dark = page.evaluate("getComputedStyle(document.body).backgroundColor") != "rgb(255, 255, 255)"
    assert dark == (scheme == "dark")


def test_the_sections_are_there_and_the_links_lead_to_them(open_page, pages):
    page = open_page(pages["whole"])
    titles = page.locator("h2").all_inner_texts()
    assert titles == ["What the numbers say", "Curves", "Confusion matrix", "Per class", "Worst mistakes", "Layers",
                      "Configuration", "Provenance"]  # fmt: skip
    for link in page.locator("nav a").all():
        assert page.locator(link.get_attribute("href")).count() == 1
    assert page.locator("figure.chart svg").count() >= 4
    assert page.get_by_role("img", name="Loss").count() == 1


def test_the_style_is_admitted_and_the_images_are_shown(open_page, pages):
    page = open_page(pages["whole"])
    assert page.evaluate("getComputedStyle(document.querySelector('.big')).fontWeight") == "650"
    sizes = page.eval_on_selector_all(".mistake img", "nodes => nodes.map(n => [n.naturalWidth, n.clientWidth])")
    assert len(sizes) == 24
    assert all(natural == 28 and shown > 80 for natural, shown in sizes)
    assert page.evaluate("getComputedStyle(document.querySelector('.mistake img')).imageRendering") == "pixelated"


def test_pointing_at_a_chart_shows_its_numbers(open_page, pages):
    page = open_page(pages["whole"])
    column = page.locator("svg:has(#accuracy-chart-name) g.column").nth(4)
    assert not column.locator(".tip").is_visible()
    column.locator("rect").first.hover()
    assert column.locator(".tip").is_visible()
    shown = column.locator("text").all_text_contents()
    assert shown[0] == "epoch 5"
    assert shown[1].startswith("training ")
    assert shown[2].startswith("validation ")


def test_folded_parts_open(open_page, pages):
    page = open_page(pages["whole"])
    config = page.locator("#config pre")
    assert not config.is_visible()
    page.locator("#config summary").click()
    assert config.is_visible()
    assert "batch_size: 256" in config.inner_text()


def test_paper_shows_what_is_folded(open_page, pages):
    page = open_page(pages["whole"], scheme="dark")
    page.emulate_media(media="print")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.locator("#config pre").bounding_box()["height"] > 100
    assert not page.locator("nav").is_visible()
    assert page.pdf().startswith(b"%PDF")


@pytest.mark.parametrize("kind", ["whole", "study", "check", "crossval", "comparison"])
@pytest.mark.parametrize("width", [1200, 390])
def test_every_link_of_the_navigation_can_be_seen(open_page, pages, kind, width):
    page = open_page(pages[kind], width)
    boxes = [link.bounding_box() for link in page.locator("nav a").all()]
    assert len(boxes) >= 2
    assert all(box["x"] >= 0 and box["x"] + box["width"] <= width for box in boxes)


def test_class_names_are_text_in_every_script(open_page, pages):
    page = open_page(pages["check"], 390)
    assert page.locator(".samples figcaption").all_inner_texts() == ["Frösche", "猫", LONG.strip()]
    sizes = page.eval_on_selector_all(".samples img", "nodes => nodes.map(n => [n.naturalWidth, n.clientWidth])")
    assert all(0 < shown <= 358 < natural for natural, shown in sizes)


@pytest.mark.parametrize("kind", ["whole", "unvalidated", "study", "comparison"])
def test_no_text_of_a_chart_lies_over_its_curves(open_page, pages, kind):
    page = open_page(pages[kind])
    overlaps = page.evaluate("""() => [...document.querySelectorAll('.chart:not(.wide) > svg')].flatMap(svg => {
      const texts = [...svg.querySelectorAll('text')].filter(t => !t.closest('.tip') && t.textContent.trim());
      return texts.flatMap(t => {
        const box = t.getBoundingClientRect();
        return [...svg.querySelectorAll('.curve:not(.faint) .line')].filter(line => {
          const at = line.getScreenCTM(), length = line.getTotalLength();
          for (let i = 0; i <= 400; i++) {
            const p = line.getPointAtLength(length * i / 400).matrixTransform(at);
            if (p.x > box.left && p.x < box.right && p.y > box.top && p.y < box.bottom) return true;
          }
        }).map(() => t.textContent);
      });
    })""")
    assert overlaps == []


def test_both_figures_of_a_study_are_named(open_page, pages):
    page = open_page(pages["study"], 390)
    names = [text.splitlines() for text in page.locator(".result").all_inner_texts()]
    assert [[line for line in lines if line][1] for lines in names] == ["best validation accuracy", "test accuracy"]


def test_sentences_of_every_severity_have_one_size(open_page, pages):
    page = open_page(pages["whole"])
    sizes = page.eval_on_selector_all(".reading li", "nodes => nodes.map(n => getComputedStyle(n).fontSize)")
    assert len(sizes) > 2
    assert len(set(sizes)) == 1
