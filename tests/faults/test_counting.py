"""What the bench counts, on made-up programs and a made-up doctor."""

import json
import sys

import pytest
from bench.doctor import __main__ as bench_doctor
from bench.doctor.counts import compare_costs, count_alarms, tally_codes
from bench.doctor.forks import Server
from bench.doctor.programs import choose_few, read_program, read_programs
from bench.doctor.results import read_results
from bench.doctor.runs import Cost, default_command, visit
from bench.doctor.tables import make_section

PROGRAMS = {
    "softmax.py": '"""Two softmaxes."""\n# expects: loss.twice, loss.once\n# style: class\nx = 1  # <- fault\ny = 2\n',
    "rate.py": '"""Too high."""\n# expects: lr.too_high\n\nlr = 10  # <- fault\n',
    "healthy.py": '"""Fine."""\n# expects: nothing\nprint("loss 0.1")\n',
}
# Seed 0: the second right code at the right line; seed 1: the right one elsewhere, seed 2: another fault altogether.
ANSWERS = {
    ("softmax", 0): [("loss.once", "error", "softmax.py:4")],
    ("softmax", 1): [("loss.twice", "error", "/tmp/x/softmax.py:5"), ("init.scale", "note", "")],
    ("softmax", 2): [("lr.too_low", "warning", "softmax.py:4")],
    ("rate", 0): [("lr.too_high", "note", "at rate.py:4, step 3")],
    ("rate", 1): [("init.scale", "note", "rate.py:4")],
    ("healthy", 1): [("lr.too_low", "note", "")],
    ("healthy", 2): [("lr.too_low", "warning", ""), ("lr.too_low", "error", "")],
}  # nothing is said of the others; for rate and seed 2 the doctor itself breaks down
DOCTOR = """
import json, os, sys
assert sys.argv[1] == "--json"
name, seed = os.path.basename(sys.argv[3])[:-3], int(os.environ["SEED"])
if (name, seed) == ("rate", 2):
    sys.exit("out of order")
said = json.loads(ANSWERS).get(f"{name} {seed}", [])
findings = [dict(zip(("code", "severity", "place"), each)) | {"message": "m", "evidence": {}} for each in said]
with open(sys.argv[2], "w") as file:
    json.dump({"findings": findings, "not_checked": [{"code": "data.layout", "reason": "no images"}]}, file)
sys.exit(any(each[1] == "error" for each in said))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("programs") / "kind"
    folder.mkdir()
    for name, text in PROGRAMS.items():
        (folder / name).write_text(text)
    return folder.parent


@pytest.fixture(scope="module")
def measured(folder, tmp_path_factory):
    """Three seeds of each, by the command."""
    out = tmp_path_factory.mktemp("out")
    doctor = out / "doctor.py"
    answers = json.dumps({f"{name} {seed}": said for (name, seed), said in ANSWERS.items()})
    doctor.write_text(f"ANSWERS = {answers!r}\n{DOCTOR}")
    (out / "README.md").write_text(
        "# The doctor\n\n<!-- bench:doctor:start -->\nstale\n<!-- bench:doctor:end -->\n\nEnd.\n"
    )
    options = ["--half", "all", "--seeds", "3", "--programs", str(folder), "--out", str(out)]
    assert bench_doctor.main([*options, "--command", f"{sys.executable} {doctor}"]) == 0
    return out


def visits_of(measured):
    return read_results(measured / "results.json").visits


def test_headers_are_read(folder):
    program = read_program(folder / "kind" / "softmax.py", folder)
    assert (program.name, program.expects, program.lines) == ("kind/softmax", ("loss.twice", "loss.once"), (4,))
    assert program.styles == ("class",)
    (folder / "kind" / "x.txt").write_text('"""No header."""\n')
    with pytest.raises(ValueError, match="no line '# expects"):
        read_program(folder / "kind" / "x.txt", folder)
    (folder / "kind" / "x.txt").write_text("# expects: double softmax\n")
    with pytest.raises(ValueError, match="not a code: 'double softmax'"):
        read_program(folder / "kind" / "x.txt", folder)


def test_recall_right_codes_and_lines_are_counted(measured, folder):
    codes = tally_codes(read_programs("all", folder), visits_of(measured))
    assert list(codes) == ["loss.twice", "lr.too_high"]
    twice, rate = codes.values()
    assert (twice.programs, twice.visits, twice.detected, twice.right, twice.exact) == (1, 3, 3, 2, 1)
    assert (twice.marked, twice.placed) == (2, 1)
    # A right note is a detection, another note is none, and no answer is none.
    assert (rate.visits, rate.detected, rate.right, rate.marked, rate.placed) == (3, 1, 1, 1, 1)


def test_alarms_are_counted_once_a_visit(measured, folder):
    healthy = [program for program in read_programs("all", folder) if not program.is_faulty]
    alarms = count_alarms(healthy, visits_of(measured))
    assert (alarms.programs, alarms.visits, alarms.loud, alarms.noted) == (1, 3, 1, 1)
    assert dict(alarms.codes) == {"lr.too_low": 1}


def test_the_table_stands_between_its_markers(measured):
    page = (measured / "README.md").read_text()
    assert page.startswith("# The doctor\n")
    assert page.endswith("\n\nEnd.\n")
    assert "stale" not in page
    assert "| `loss.twice` | 1 | 100 % | 67 % | 50 % | 0 |" in page
    assert "| `lr.too_high` | 1 | 33 % | 33 % | 100 % | 0 |" in page
    assert "| **all** | 2 | 67 % | 50 % | 67 % | 1 |" in page
    assert "| that look odd | 1 | 33 % | 33 % |" in page
    assert "No answer from the doctor in 1 runs" in page
    assert "| **Fathom**, 2 programs | 67 % | 50 % | above |" in page
    assert "DeepFD, its sheet of 52 | 90 % (47) | 52 % (27)" in page


def test_the_table_is_remade_without_measuring(measured, folder, capsys):
    page = measured / "README.md"
    before = page.read_text()
    page.write_text("<!-- bench:doctor:start -->\n<!-- bench:doctor:end -->\n")
    options = ["--programs", str(folder), "--out", str(measured), "--render", "--command", "false"]
    assert bench_doctor.main(options) == 0
    assert page.read_text().strip() in before
    page.write_text("# No place\n")
    assert bench_doctor.main(options) == 2
    assert "no place for the table" in capsys.readouterr().err
    page.write_text(before)


def test_a_doctor_that_breaks_down_is_a_failure_not_an_answer(measured):
    (broken,) = [visit for visit in visits_of(measured)["kind/rate"] if visit.failure]
    assert broken.seed == 2
    assert broken.failure == "FileNotFoundError: out of order"
    assert visits_of(measured)["kind/healthy"][0].not_checked == ("data.layout",)


def test_overhead_is_a_median_of_paired_ratios():
    def cost(wall, peak=100.0, loop=1.0):
        return Cost(0, wall, 1.0, peak, loop_s=loop)

    pairs = {
        "a": [(cost(2.0), cost(2.2)), (cost(2.0), cost(9.0)), (cost(4.0), cost(4.4))],  # ratios 1.1, 4.5, 1.1
        "b": [(cost(1.0), cost(1.3, 130.0, 1.5))],
    }
    overhead = compare_costs(pairs)
    assert overhead.rounds == 3
    assert overhead.scripts["a"] == pytest.approx((1.0, 1.1, 1.0))
    assert overhead.scripts["b"] == pytest.approx((1.5, 1.3, 1.3))
    assert compare_costs({}) is None


def test_costs_are_measured_beside_what_was_found(measured, folder):
    scripts = measured / "scripts"
    scripts.mkdir()
    timing = 'import os; open(os.environ["LOOP_FILE"], "w").write("2.0")'
    (scripts / "one_loop.py").write_text(timing)
    overhead = bench_doctor.measure_overhead(2, [sys.executable, "-c", timing], scripts)
    assert set(overhead.scripts) == {"one loop"}
    assert overhead.scripts["one loop"][0] == 1.0
    results = read_results(measured / "results.json")
    results.overhead = overhead
    assert "| one loop | × 1.00 |" in make_section(read_programs("all", folder), results)


def test_a_quick_look_takes_some_of_each_kind():
    few = choose_few(read_programs())
    assert 20 <= len(few) <= 45
    assert {(p.is_faulty, p.is_twin) for p in few} == {(True, False), (False, True), (False, False)}


@pytest.mark.slow
def test_a_fork_says_what_the_command_says():
    """One of each kind, at seeds that differ: the findings, their places, and what could not be checked."""
    chosen = choose_few(read_programs("calibration"), every=25)
    server = Server()
    for seed, program in enumerate(chosen):
        assert server.visit(program, seed) == visit(program, seed, default_command()), program.name
    server.close()
