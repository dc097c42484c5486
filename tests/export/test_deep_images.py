"""Deep images: what a run's module gives for a file is what its export gives for the same file."""

import json

import imagecodecs
import numpy as np
import onnxruntime
import pytest
import tifffile
import torch

from fathom.data.images.module import ImageData
from fathom.data.images.options import ImageOptions
from fathom.errors import FathomError
from fathom.export.export import export
from fathom.files import write_atomically
from fathom.inference.onnx_file import OnnxModel
from fathom.inference.saved import describe_model, load_module, save_weights
from fathom.models import registry
from fathom.module import Classifier
from fathom.recipes.predict import open_predictions

RNG = np.random.default_rng(0)
H, W = 20, 24


def bands(path, array):
    tifffile.imwrite(path, array, photometric="minisblack", planarconfig="contig")


def png(path, array):
    path.write_bytes(imagecodecs.png_encode(array))


def missing(array):
    array[RNG.random(array.shape) < 0.1] = np.nan
    return array


KINDS = {
    "8_bit": (png, ".png", lambda k: RNG.integers(0, 256, (H, W, 3)).astype(np.uint8)),
    "16_bit": (png, ".png", lambda k: RNG.integers(500, 1000 + k, (H, W)).astype(np.uint16)),
    "16_bit_colour": (png, ".png", lambda k: RNG.integers(0, 60000 + k, (H, W, 3)).astype(np.uint16)),
    "signed": (tifffile.imwrite, ".tif", lambda k: RNG.integers(-1024, 900, (H, W)).astype(np.int16)),
    "float": (np.save, ".npy", lambda k: missing(RNG.normal(300 + k, 5, (H, W)))),
    "13_bands": (bands, ".tif", lambda k: RNG.integers(0, 9000 + k, (H, W, 13)).astype(np.uint16)),
    "window": (tifffile.imwrite, ".tif", lambda k: RNG.integers(-1024, 900, (H, W)).astype(np.int16)),
}


def make_run(root, run, kind):
    """Files of two classes, and a run folder with an untrained network that has their statistics."""
    save, suffix, draw = KINDS[kind]
    arrays = {}
    for k, name in enumerate(("ant", "bee")):
        (root / name).mkdir(parents=True)
        for i in range(4):
            path = root / name / f"{i}{suffix}"
            arrays[path] = draw(k)
            save(path, arrays[path])
    window = (-160.0, 240.0) if kind == "window" else None
    data = ImageData.from_folder(root, 4, val=0, options=ImageOptions(workers=0, window=window))
    torch.manual_seed(0)
    net = registry.create("lenet", input_shape=data.input_shape, num_classes=2)
    module = Classifier(net, class_names=data.class_names, preprocess=data.preprocess()).eval()
    run.mkdir()
    write_atomically(run / "model.json", json.dumps(describe_model(module, "lenet", {}, data.input_shape, 2)))
    save_weights(run / "model.safetensors", module)
    return data, module, arrays


@pytest.mark.parametrize(
    "kind", [kind if kind == "13_bands" else pytest.param(kind, marks=pytest.mark.slow) for kind in KINDS]
)
def test_module_run_and_export_give_the_same_for_a_file(kind, tmp_path):
    root, run = tmp_path / "images", tmp_path / "run"
    data, module, arrays = make_run(root, run, kind)
    # by hand, from what was written: scaled, normalised over all files, missing values at the mean
    planes = np.stack([a.reshape(H, W, -1).transpose(2, 0, 1) for a in arrays.values()]).astype(np.float64)
    planes = planes.clip(-160, 240) if kind == "window" else planes
    mean, std = (f(planes, (0, 2, 3), keepdims=True) for f in (np.nanmean, np.nanstd))
    X = torch.from_numpy(np.nan_to_num((planes - mean) / std)).float()
    with torch.no_grad():
        logits, expected = module.net(X).numpy(), module.net(X).softmax(1).numpy()
    loaded, _ = load_module(run)
    stored = torch.cat([X for X, _ in data.train_eval_dataloader()])
    with torch.no_grad():
        np.testing.assert_allclose(module(stored), logits, atol=1e-4)
        assert torch.equal(loaded(stored), module(stored))
    paths = [str(path) for path in arrays]
    results = []
    export(run)
    for model in (run, run / "model.onnx"):
        results.append([float(row["probability"]) for row in open_predictions(model, paths).rows])
        np.testing.assert_allclose(results[-1], expected.max(1), atol=1e-5)
    # another program, which hands the file's own values to the graph
    session = onnxruntime.InferenceSession(run / "model.onnx", providers=["CPUExecutionProvider"])
    pixels = np.stack([a.reshape(H, W, -1).transpose(2, 0, 1) for a in arrays.values()])
    (given,) = session.get_inputs()
    theirs = session.run(["probabilities"], {given.name: pixels.astype(stored.numpy().dtype)})[0]
    np.testing.assert_allclose(theirs, expected, atol=1e-5)
    assert OnnxModel(run / "model.onnx").form.values == data.form.values


def test_a_file_of_other_values_is_an_error_in_its_row(tmp_path):
    make_run(tmp_path / "images", tmp_path / "run", "16_bit")
    png(tmp_path / "flat.png", RNG.integers(0, 256, (H, W)).astype(np.uint8))
    (row,) = open_predictions(tmp_path / "run", [str(tmp_path / "flat.png")]).rows
    assert row["error"].endswith("flat.png holds 8-bit values, not 16-bit values as the others")


@pytest.mark.parametrize(
    "change", [{"values": "int99"}, {"low": 5.0, "high": 5.0}, {"channels": 99}, {"layout": "wch"}]
)
def test_an_altered_form_is_refused(change, tmp_path):
    make_run(tmp_path / "images", tmp_path / "run", "signed")
    path = tmp_path / "run" / "model.json"
    description = json.loads(path.read_text())
    description["input"] |= change
    path.write_text(json.dumps(description))
    with pytest.raises(FathomError, match=r"model\.json: (altered|incomplete or altered|cannot build)"):
        load_module(tmp_path / "run")
