"""One run of each kind of data gives the numbers it gave before: to the bit on the machine that they were measured on.

``python tests/architecture/test_golden.py`` measures them anew; what moves stands under *Numbers changed*.
"""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import fathom
from fathom.build.machine import cpu_name

GOLDEN = Path(__file__).with_name("golden.json")
COMMON = {"seed": 3, "execution": {"threads": 1, "precision": "fp32", "device": "cpu"}}
EPOCHS = 2


def write_images(root: Path) -> None:
    from PIL import Image

    rng = np.random.default_rng(0)
    for k, name in enumerate(("left", "right", "middle")):
        (root / name).mkdir(parents=True)
        for i in range(40):
            pixels = rng.integers(0, 120, (12, 12, 3), dtype=np.uint8)
            pixels[:, 4 * k : 4 * k + 4] += 100
            Image.fromarray(pixels).save(root / name / f"{i:02d}.png")


def write_table(path: Path) -> None:
    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(2, 200))
    kinds = rng.choice(["red", "green", "blue"], 200)
    rows = [
        f"{x:.4f},{'' if i % 17 == 0 else f'{y:.4f}'},{k},{2 * x - y + len(k):.4f}"
        for i, (x, y, k) in enumerate(zip(a, b, kinds, strict=True))
    ]
    path.write_text("\n".join(["a,b,kind,price", *rows]) + "\n")


def write_text(path: Path) -> None:
    words = np.random.default_rng(0).choice(["time", "machine", "traveller", "dimension", "space"], 1500)
    path.write_text(" ".join(words) + "\n")


def settings_of(kind: str, folder: Path) -> dict:
    if kind == "arrays":
        return {"model": {"name": "lenet"}, "training": {"epochs": EPOCHS}}
    if kind == "images":
        write_images(folder / "images")
        return {"data": {"name": str(folder / "images")}, "training": {"epochs": EPOCHS}}
    if kind == "tables":
        write_table(folder / "table.csv")
        options = {"target": "price"}
        return {"data": {"name": str(folder / "table.csv"), "options": options}, "training": {"epochs": EPOCHS}}
    write_text(folder / "text.txt")
    return {"data": {"name": str(folder / "text.txt")}, "training": {"epochs": 1}}


def measure(kind: str, folder: Path) -> dict[str, list[float]]:
    """Train; return the losses of every epoch and that of the test split."""
    threads = torch.get_num_threads()
    try:
        run = fathom.train({**COMMON, **settings_of(kind, folder)}, root=folder / "runs")
    finally:
        torch.set_num_threads(threads)
    losses = {name: [record[name] for record in run.records] for name in ("train_loss", "val_loss")}
    return {**losses, "test_loss": [(run.evaluation or {})["loss"]]}


def machine() -> dict[str, str]:
    """What the last bits depend on."""
    capability = torch.backends.cpu.get_cpu_capability()
    return {"torch": torch.__version__, "numpy": np.__version__, "cpu": cpu_name(), "capability": capability}


@pytest.mark.parametrize("kind", ["arrays", "images", "tables", "texts"])
def test_a_run_of_each_kind_gives_the_same_numbers(kind, tmp_path):
    golden = json.loads(GOLDEN.read_text())
    found = measure(kind, tmp_path)
    if golden["machine"] == machine():
        assert found == golden["losses"][kind]
        return
    # Other vector widths and versions sum in another order; after some dozen steps of AdamW that is far below this.
    for name, values in golden["losses"][kind].items():
        assert found[name] == pytest.approx(values, rel=2e-2), name


if __name__ == "__main__":
    import tempfile

    losses = {}
    for each in ("arrays", "images", "tables", "texts"):
        with tempfile.TemporaryDirectory() as place:
            losses[each] = measure(each, Path(place))
    GOLDEN.write_text(json.dumps({"machine": machine(), "losses": losses}, indent=1) + "\n")
