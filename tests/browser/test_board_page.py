"""The board in the system's Chromium: every view at two widths, by keyboard, in both languages, with hostile names."""

import json
import os
import runpy
import shutil
import struct
import time
from pathlib import Path
from urllib.parse import quote, urlencode

import pytest

pytest.importorskip("starlette")
CHROMIUM = os.environ.get("FATHOM_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not Path(CHROMIUM).exists(), reason="chromium is not installed; set FATHOM_CHROMIUM"),
]
BOARD = runpy.run_path(str(Path(__file__).parents[1] / "board" / "conftest.py"))
REPORT = runpy.run_path(str(Path(__file__).with_name("test_report_page.py")))
serve, make_folder = BOARD["serve"], BOARD["make_folder"]
VIEWS = ["now", "curves", "doctor", "layers", "errors", "data", "maps", "schedule", "try", "table", "setup"]
HOSTILE = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>'

# What axe calls violations of names, roles and structure, for the elements that the board makes
FAULTS = """() => {
  const seen = node => node.getClientRects().length > 0;
  const named = node => (node.getAttribute('aria-labelledby') || '').split(' ')
    .map(id => document.getElementById(id)?.textContent ?? '').join(' ');
  const name = node => (node.getAttribute('aria-label') || named(node) || node.textContent || node.title ||
    node.placeholder || [...(node.labels ?? [])].map(label => label.textContent).join(' ') || '').trim();
  const found = [];
  const add = (rule, node) => found.push(rule + ': ' + node.outerHTML.slice(0, 90));
  const kinds = 'button, a[href], input, select, textarea, [role=button], [role=img], [role=region], nav';
  for (const node of document.querySelectorAll(kinds))
    if (seen(node) && !name(node)) add('has no name', node);
  for (const node of document.querySelectorAll('img')) if (!node.hasAttribute('alt')) add('has no alt', node);
  const ids = [...document.querySelectorAll('[id]')].map(node => node.id);
  for (const id of new Set(ids))
    if (ids.filter(other => other === id).length > 1) found.push('id is given twice: ' + id);
  let level = 0;
  for (const node of document.querySelectorAll('h1, h2, h3, h4')) {
    if (!seen(node)) continue;
    const now = Number(node.tagName[1]);
    if (now > level + 1) add('heading leaves one out', node);
    level = now;
  }
  for (const node of document.querySelectorAll('[tabindex]')) if (node.tabIndex > 0) add('jumps the order', node);
  if (document.querySelectorAll('main').length !== 1) found.push('not one main');
  if (!document.documentElement.lang) found.push('no language');
  return found;
}"""


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_board(browser):
    contexts, noise = [], []

    def show(client, *, width=1200, scheme="light", locale="en-US", page=""):
        context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme, locale=locale)
        contexts.append(context)
        tab = context.new_page()
        tab.on("console", lambda message: noise.append(message.text))
        tab.on("pageerror", lambda error: noise.append(str(error)))
        tab.goto(f"http://{client.host}/#token={client.board.sessions.token}{page}")
        return tab

    yield show
    for context in contexts:
        context.close()
    # no error, no refusal of the policy; 409 is how the board says that a run of these tests has no weights to open
    assert [line for line in noise if "409 (Conflict)" not in line] == []


def event_file(tag):
    """Return TensorBoard's event file with three values of one tag."""
    record = runpy.run_path(str(Path(__file__).parents[1] / "board" / "test_foreign.py"))["record"]
    value = b"\x0a" + bytes([len(tag)]) + tag + b"\x15" + struct.pack("<f", 0.5)
    summary = b"\x0a" + bytes([len(value)]) + value
    events = (
        b"\x09" + struct.pack("<d", 1.0) + bytes([0x10, step, 0x2A, len(summary)]) + summary for step in (1, 2, 3)
    )
    return b"".join(map(record, events))


def until(tab, expression, timeout_s=30.0):
    """Wait for an expression to hold; Playwright's own waiting needs eval, which the policy of the page forbids."""
    ends = time.monotonic() + timeout_s
    while not tab.evaluate(expression):
        assert time.monotonic() < ends, expression
        time.sleep(0.05)


def open_view(tab, run, view):
    tab.evaluate("address => { location.hash = address }", f"#/run/{run}/{view}")
    tab.wait_for_selector(f"#view-{view}")
    until(tab, f"document.querySelector('#view-{view}').innerText.trim() && "
                          f"!document.querySelector('#view-{view}').innerText.startsWith('Reading')")  # fmt: skip


@pytest.fixture
def client(serve, tmp_path):
    root = make_folder(tmp_path / "runs")
    found = serve(root)
    found.root = root
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (1200, "dark"), (390, "light")])
def test_every_view_fits_names_its_parts_and_can_be_read(open_board, client, width, scheme):
    tab = open_board(client, width=width, scheme=scheme)
    tab.wait_for_selector(".runs-table tbody tr")
    run = client.log_in().first_id("141500")
    for view in ["", *VIEWS]:
        if view:
            open_view(tab, run, view)
        assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, view
        assert tab.evaluate(FAULTS) == [], view
        faintest = tab.evaluate(REPORT["CONTRAST"])
        assert faintest[0][0] >= 4.5, (view, faintest)


@pytest.mark.slow
@pytest.mark.parametrize(("width", "scheme"), [(1200, "light"), (390, "dark")])
def test_axe_finds_nothing(open_board, client, width, scheme):
    axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is not installed")
    script = (Path(axe.__file__).parent / "axe.min.js").read_text(encoding="utf-8")
    tab = open_board(client, width=width, scheme=scheme)
    tab.wait_for_selector(".runs-table tbody tr")
    run, other = client.log_in().first_id("141500"), client.first_id("090000")

    def violations():
        tab.evaluate(script)
        rules = "['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice']"
        found = f"axe.run(document, {{runOnly: {rules}}}).then(found => found.violations.map(each => "
        return tab.evaluate(found + "[each.id, each.nodes[0].html.slice(0, 120)]))")

    assert violations() == []
    for view in VIEWS:
        open_view(tab, run, view)
        assert violations() == [], view
    tab.evaluate("address => { location.hash = address }", f"#/compare/{run},{other}")
    tab.wait_for_selector(".charts .chart svg")
    assert violations() == []
    tab.evaluate("location.hash = '#/play/points=xor&layers=4'")
    tab.wait_for_selector(".network dd", timeout=60_000)
    assert violations() == []


@pytest.mark.slow
def test_points_are_drawn_by_keyboard(open_board, client):
    given = [[i / 5, 0.1, 0] for i in range(4)] + [[-i / 5, -0.3, 1] for i in range(4)]
    tab = open_board(client, page="/play/" + quote(urlencode({"points": "given", "given": json.dumps(given)})))
    tab.wait_for_selector(".network dd", timeout=60_000)
    count = "decodeURIComponent(decodeURIComponent(location.hash)).split('],').length"
    tab.locator(".plane").focus()
    for key in ("ArrowRight", "ArrowUp", "2", "1"):
        tab.keyboard.press(key)
    until(tab, f"{count} === 10")
    tab.keyboard.press("Delete")
    until(tab, f"{count} === 9")
    assert tab.evaluate("document.querySelector('.network dd').textContent") == "0"  # the arrows took no step


def test_hostile_names_and_contents_run_nothing(open_board, serve, tmp_path):
    make_run = BOARD["FAKE"]["make_run"]
    root = tmp_path / "runs"
    run = make_run(root, "20250301-<img src=x onerror=hacked=1>", classes=(HOSTILE, *"bcdefghij"), message=HOSTILE)
    config = (run / "config.yaml").read_text().replace("name: lenet", f"name: {json.dumps(HOSTILE)}")
    (run / "config.yaml").write_text(config)
    (run / "marks.json").write_text(json.dumps({"schema": 2, "note": HOSTILE, "tags": [HOSTILE]}))
    (root / "csv").mkdir()
    (root / "csv" / "metrics.csv").write_text(
        f'epoch,step,"{HOSTILE.replace(chr(34), chr(34) * 2)}"\n0,1,0.5\n1,2,0.4\n'
    )
    (root / "events").mkdir()
    (root / "events" / "events.out.tfevents.1.host").write_bytes(event_file(b"<img src=x onerror=hacked=1>"))
    client = serve(root)
    tab = open_board(client)
    tab.wait_for_selector(".runs-table tbody tr:nth-child(3)")
    tab.wait_for_selector(".tag")
    client.log_in()
    for view in ("now", "curves", "doctor", "errors", "layers", "setup"):
        open_view(tab, client.first_id("20250301"), view)
    for log in ("csv", "events"):
        open_view(tab, client.first_id(log), "curves")
        until(tab, "document.querySelector('.chart-title')")
    assert tab.evaluate("window.hacked") is None
    assert tab.evaluate("document.querySelectorAll('main script, main img[onerror]').length") == 0


def test_the_address_lets_in_once_and_forgets_the_token(open_board, client):
    tab = open_board(client)
    tab.wait_for_selector(".runs-table tbody tr")
    assert "token" not in tab.url
    assert tab.evaluate("document.cookie") == ""  # HttpOnly
    tab.reload()
    tab.wait_for_selector(".runs-table tbody tr")


def test_a_growing_run_moves_without_a_reload(open_board, client):
    tab = open_board(client)
    tab.wait_for_selector(".runs-table tbody tr")
    run = client.log_in().first_id("090000")
    open_view(tab, run, "curves")
    until(tab, "document.querySelector('.chart .value')")
    with (client.root / "20250302-090000-lenet-fashion_mnist" / "metrics.jsonl").open("a") as file:
        for step in range(20):
            record = {"event": "step", "step": 500 + step, "epoch": 2.5 + step / 100, "train_loss": 0.777}
            file.write(json.dumps(record) + "\n")
    until(tab, "document.querySelector('.chart .legend').textContent.includes('0.777')")


@pytest.mark.slow
def test_the_keyboard_reaches_everything(open_board, client):
    tab = open_board(client)
    tab.wait_for_selector(".runs-table tbody tr")
    until(tab, "!document.querySelector('.status.unread')")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to content"
    tab.locator("[data-key^=box-]").first.focus()
    tab.keyboard.press("Space")
    tab.locator("[data-key^=box-]").nth(1).focus()
    tab.keyboard.press("Space")
    until(tab, "document.querySelector('a.button').textContent.includes('2')")
    tab.locator("a.button").press("Enter")
    tab.wait_for_selector(".charts .chart svg")
    chart = tab.locator(".charts .chart svg[tabindex]").first
    chart.focus()
    tab.keyboard.press("ArrowLeft")
    until(tab, "document.querySelector('[aria-live]')?.textContent.includes('A')")
    assert tab.evaluate(FAULTS) == []


@pytest.mark.slow
def test_chinese_by_the_browser_or_by_the_option(open_board, client, serve):
    tab = open_board(client, locale="zh-CN")
    tab.wait_for_selector(".runs-table tbody tr")
    assert tab.evaluate("document.querySelector('h1').textContent") == "运行"
    assert tab.evaluate("document.documentElement.lang") == "zh-CN"
    run = client.log_in().first_id("141500")
    tab.evaluate("address => { location.hash = address }", f"#/run/{run}/errors")
    until(tab, "document.body.innerText.includes('混淆矩阵')")
    other = serve(client.root, language="zh")
    tab = open_board(other)
    until(tab, "document.querySelector('h1')?.textContent === '运行'")


@pytest.mark.slow
@pytest.mark.parametrize("width", [1200, 390])
def test_the_playground_trains_steps_and_goes_back(open_board, client, width):
    tab = open_board(client, width=width, page="/play/points=xor&layers=4")
    tab.wait_for_selector(".network dd", timeout=60_000)
    step = "Number(document.querySelector('.network dd').textContent)"
    tab.evaluate("document.activeElement.blur()")
    tab.keyboard.press("ArrowRight")
    until(tab, f"{step} === 1")
    tab.keyboard.press("ArrowRight")
    until(tab, f"{step} === 2")
    tab.keyboard.press("ArrowLeft")
    until(tab, f"{step} === 1")
    tab.keyboard.press("Space")
    until(tab, f"{step} > 50")
    tab.keyboard.press("Space")
    assert tab.evaluate(FAULTS) == []
    assert tab.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert "points=xor" in tab.evaluate("decodeURIComponent(location.hash)")
