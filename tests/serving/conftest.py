"""Models to serve, trained once."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fathom


@pytest.fixture(scope="session")
def served_runs(tmp_path_factory) -> dict[str, Path]:
    """A run of each kind of input, as short as it can be."""
    root = tmp_path_factory.mktemp("served")
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.normal(50, 9, 120).round(2), "town": rng.choice(["Ames", "Boone"], 120)})
    frame["price"] = frame["size"] * 3 + (frame["town"] == "Ames") * 40
    text = root / "book.txt"
    text.write_text("the traveller had more than a touch of whim among his elements.\n" * 40)
    X = rng.normal(size=(60, 3)).astype(np.float32)
    common = {"out": root, "epochs": 1, "progress": False}
    return {
        "image": fathom.train("mlp", "digits", **common).path,
        "table": fathom.train(None, frame, target="price", **common).path,
        "text": fathom.train("gru", str(text), level="char", **common).path,
        "vector": fathom.train("mlp", (X, (X[:, 0] > 0).astype(int)), **common).path,
    }
