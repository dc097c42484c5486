"""Exports against the run's own model: networks, inputs, both formats; files that must not be opened."""

import json
import subprocess
import sys
import zipfile

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from PIL import Image

from fathom.errors import FathomError, UsageError
from fathom.export import export as export_module
from fathom.export.export import export
from fathom.files import write_atomically
from fathom.inference.onnx_bytes import append_checksum, has_external_data
from fathom.inference.onnx_file import OnnxModel
from fathom.inference.saved import describe_model, load_module, save_weights
from fathom.models import registry
from fathom.module import Classifier, Regressor
from fathom.preprocess import Preprocess
from fathom.recipes.predict import open_predictions

NAMES = ("ant", "bee", "cat", "Ärger", "五", "f", "g", "h", "i", "j")


def make_run(folder, name="lenet", stored=(1, 28, 28), size=None, names=NAMES, **options):
    """A folder with a model that was never trained, its batch-norm statistics moved away from their beginning."""
    torch.manual_seed(0)
    preprocess = Preprocess([0.3] * stored[0], [0.4] * stored[0], size)
    net = registry.create(name, input_shape=preprocess.output_shape(stored), num_classes=len(names), **options)
    module = Classifier(net, class_names=names, preprocess=preprocess)
    module(torch.randint(0, 256, (4, *stored), dtype=torch.uint8))
    folder.mkdir(exist_ok=True)
    write_atomically(folder / "model.json", json.dumps(describe_model(module, name, options, stored, len(names))))
    save_weights(folder / "model.safetensors", module)
    return folder


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """LeNet that resizes its images, exported as ONNX."""
    run = make_run(tmp_path_factory.mktemp("exported") / "run", stored=(3, 40, 36), size=(28, 28))
    return run, export(run, licence="CC0-1.0")


def images(count, shape):
    return np.random.default_rng(count).integers(0, 256, (count, *shape), dtype=np.uint8)


def torch_outputs(run, X):
    module, _ = load_module(run)
    with torch.no_grad():
        logits = module(torch.from_numpy(X))
        return logits.numpy(), logits.double().softmax(1).numpy()


def check_equal(run, path, shape):
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    for count in (1, 3, 7):
        X = images(count, shape)
        logits, probabilities = torch_outputs(run, X)
        ours = dict(zip(("logits", "probabilities"), session.run(["logits", "probabilities"], {"images": X})))  # noqa: B905
        np.testing.assert_allclose(ours["logits"], logits, atol=1e-4 * max(1, np.abs(logits).max()))
        np.testing.assert_allclose(ours["probabilities"], probabilities, atol=1e-5)


FAST = ("softmax", "lenet")
SMALL = {name: {"width": 8} for name in registry.names() if name.startswith("resnet")}
OF_IMAGES = [n for n in registry.names() if n not in ("linear", "rnn", "gru", "lstm", "gpt")]


@pytest.mark.parametrize(
    "name", [name if name in FAST else pytest.param(name, marks=pytest.mark.slow) for name in OF_IMAGES]
)
def test_every_network_computes_the_same_in_onnx(name, tmp_path):
    run = make_run(tmp_path / "run", name, (3, 32, 32), **SMALL.get(name, {}))
    record = export(run)
    check_equal(run, run / "model.onnx", (3, 32, 32))
    assert record["verified"]["batch_sizes"] == [1, 5]


def test_resizing_is_part_of_the_file(exported):
    run, record = exported
    check_equal(run, record["path"], (3, 40, 36))


def test_the_file_says_what_it_is_and_nothing_of_this_machine(exported):
    run, record = exported
    model = onnx.load(record["path"], load_external_data=False)
    onnx.checker.check_model(model, full_check=True)
    texts = {entry.key: entry.value for entry in model.metadata_props}
    assert json.loads(texts["class_names"]) == list(NAMES)
    assert json.loads(texts["input"]) == {"kind": "image", "channels": 3, "height": 40, "width": 36}
    assert (texts["kind"], texts["model"], texts["licence"]) == ("classifier", "lenet", "CC0-1.0")
    (entry,) = model.graph.input
    sizes = [dim.dim_param or dim.dim_value for dim in entry.type.tensor_type.shape.dim]
    assert (entry.name, sizes) == ("images", ["batch", 3, 40, 36])
    content = (run / "model.onnx").read_bytes()
    assert record["bytes"] == len(content)
    assert b"site-packages" not in content
    assert b"stack_trace" not in content
    recorded = json.loads((run / "export.json").read_text())
    assert recorded["files"]["model.onnx"]["verified"] == record["verified"]


def test_equal_runs_give_equal_files(exported, tmp_path):
    run, record = exported
    again = export(make_run(tmp_path / "run", stored=(3, 40, 36), size=(28, 28)), licence="CC0-1.0")
    assert (tmp_path / "run" / "model.onnx").read_bytes() == (run / "model.onnx").read_bytes()
    assert again["verified"] == record["verified"]


def test_predictions_are_those_of_the_run(exported, tmp_path):
    run, record = exported
    for i, pixels in enumerate(images(5, (3, 50, 60))):
        Image.fromarray(pixels.transpose(1, 2, 0)).save(tmp_path / f"{i}.png")
    (tmp_path / "x.png").write_text("none")
    ours, theirs = (list(open_predictions(model, [tmp_path], top=10).rows) for model in (record["path"], run))
    assert [row["file"] for row in ours] == [
        str(tmp_path / name) for name in ("0.png", "1.png", "2.png", "3.png", "4.png", "x.png")
    ]
    for a, b in zip(ours, theirs, strict=True):
        assert a.keys() == b.keys()
        for key, value in a.items():
            assert value == (pytest.approx(b[key], abs=2e-6) if key.startswith("probability") else b[key])


def test_predicting_imports_no_torch(exported, tmp_path):
    Image.fromarray(images(1, (3, 8, 8))[0].transpose(1, 2, 0)).save(tmp_path / "a.png")
    (tmp_path / "rows.csv").write_text("file\na.png\n")
    code = f"""
import sys
from fathom.cli.main import main
assert main(["predict", {exported[1]["path"]!r}, "a.png", "missing.png"]) == 1
assert main(["predict", {exported[1]["path"]!r}, "rows.csv", "--images", "."]) == 0
print(*sorted(m for m in ("torch", "torchvision", "onnx", "onnxscript", "pandas", "onnxruntime") if m in sys.modules))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.splitlines()[-1] == "onnxruntime"


def test_a_torch_file_computes_the_same_and_holds_no_pickle(tmp_path):
    run = make_run(tmp_path / "run", stored=(1, 20, 20), size=(28, 28))
    record = export(run, "torch", licence="MIT")
    with zipfile.ZipFile(record["path"]) as archive:
        names = {name.partition("/")[2]: archive.read(name) for name in archive.namelist()}
    assert not any(content.startswith((b"\x80\x02", b"\x80\x04", b"PK")) for content in names.values())
    assert b"site-packages" not in names["models/model.json"]
    assert json.loads(names["extra/metadata.json"])["licence"] == "MIT"
    loaded = torch.export.load(record["path"]).module()
    for count in (1, 6):
        X = images(count, (1, 20, 20))
        logits, probabilities = torch_outputs(run, X)
        ours = [output.detach().numpy() for output in loaded(torch.from_numpy(X))]
        np.testing.assert_allclose(ours[0], logits, atol=1e-6)
        np.testing.assert_allclose(ours[1], probabilities, atol=1e-6)


def test_a_regressor_of_features_gives_its_values(tmp_path):
    module = Regressor(registry.create("linear", input_shape=(3,), num_classes=2))
    write_atomically(tmp_path / "model.json", json.dumps(describe_model(module, "linear", {}, (3,), 2)))
    save_weights(tmp_path / "model.safetensors", module)
    export(tmp_path)
    model = OnnxModel(tmp_path / "model.onnx")
    X = np.random.default_rng(0).normal(size=(4, 3)).astype(np.float32)
    with torch.no_grad():
        expected = module(torch.from_numpy(X)).numpy()
    np.testing.assert_allclose(model.run(X)["values"], expected, atol=1e-6)
    assert model.input.shape == (3,)
    with pytest.raises(UsageError, match="predict needs a model of images; this one is a regressor of numbers"):
        open_predictions(tmp_path / "model.onnx", ["x.png"])
    with pytest.raises(UsageError, match="--int8 is for models of images and of tables"):
        export(tmp_path, int8="static")


def test_what_cannot_be_exported_is_refused(tmp_path):
    run = make_run(tmp_path / "run")
    with pytest.raises(UsageError, match="unknown format 'onxx'; did you mean 'onnx'"):
        export(run, "onxx")
    with pytest.raises(UsageError, match="unknown kind of int8 'dinamic'; did you mean 'dynamic'"):
        export(run, int8="dinamic")
    with pytest.raises(UsageError, match="--int8 belongs to --format onnx"):
        export(run, "torch", int8="static")


def test_an_export_that_computes_something_else_is_not_left_behind(tmp_path, monkeypatch):
    run = make_run(tmp_path / "run", "softmax", (1, 8, 8))
    before = sorted(path.name for path in run.iterdir())
    write = export_module.to_onnx

    def disturbed(program, exported):
        model = onnx.load_model_from_string(write(program, exported))
        weights = next(t for t in model.graph.initializer if len(t.dims) == 2)
        weights.raw_data = (onnx.numpy_helper.to_array(weights) * np.float32(1.01)).tobytes()
        return model.SerializeToString()

    monkeypatch.setattr(export_module, "to_onnx", disturbed)
    with pytest.raises(
        FathomError, match=r"model\.onnx not written: its logits differ from PyTorch's by .* at a batch of 1"
    ):
        export(run)
    assert sorted(path.name for path in run.iterdir()) == before


def test_weights_that_are_not_finite_are_not_exported(tmp_path):
    run = make_run(tmp_path / "run", "softmax", (1, 8, 8))
    module, _ = load_module(run)
    with torch.no_grad():
        next(module.net.parameters()).fill_(float("nan"))
    save_weights(run / "model.safetensors", module)
    with pytest.raises(FathomError, match="the model's own logits are not finite"):
        export(run, "torch")


@pytest.mark.parametrize("missing", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_extra_is_named_with_the_cure(missing, tmp_path, monkeypatch, exported):
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(FathomError, match=rf"{missing}: pip install"):
        export(exported[0], out=tmp_path / "x.onnx")
    if missing == "onnxruntime":
        with pytest.raises(FathomError, match=r"pip install"):
            OnnxModel(exported[1]["path"])


def change_input(**facts):
    return lambda model, texts: texts.update(input=json.dumps({"kind": "image", "channels": 3} | facts))


# Files that must not be opened ---------------------------------------------------------------------------------------


def altered(content, change):
    """A model changed by somebody who knows how to make the checksum right again."""
    model = onnx.load_model_from_string(content)
    entries = [entry for entry in model.metadata_props if entry.key != "fathom_sha256"]
    texts = {entry.key: entry.value for entry in entries}
    change(model, texts)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, texts)
    return append_checksum(model.SerializeToString())


def point_outside(model, texts):
    tensor = max(model.graph.initializer, key=lambda t: len(t.raw_data))
    onnx.external_data_helper.set_external_data(tensor, "../../secret.bin")
    tensor.ClearField("raw_data")


def point_outside_in_a_branch(model, texts):
    graph = onnx.GraphProto(name="branch")
    point_outside(model, texts)
    graph.initializer.append(model.graph.initializer.pop())
    model.graph.node[0].attribute.append(onnx.helper.make_attribute("then_branch", graph))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (point_outside, "refused: its weights are in other files"),
        (change_input(height=1000000, width=1000000), "its metadata is damaged"),
        (lambda model, texts: texts.update(input="[" * 5000), "its metadata is damaged"),
        (change_input(height=8, width=8), "contradict each other"),
        (lambda model, texts: texts.update(class_names='["a"]'), "contradict each other"),
        (lambda model, texts: texts.update(schema="99"), "upgrade fathom"),
        (lambda model, texts: texts.pop("class_names"), "not exported by Fathom: class_names missing"),
        (lambda model, texts: setattr(model.graph.node[0], "op_type", "Explode"), "onnxruntime cannot open it"),
    ],
)  # fmt: skip
def test_a_forged_file_is_refused(change, message, exported, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(altered((exported[0] / "model.onnx").read_bytes(), change))
    with pytest.raises(FathomError, match=message) as caught:
        OnnxModel(path)
    assert "\n" not in str(caught.value)


def test_a_file_with_only_its_checksum_made_anew_is_opened(exported, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(altered((exported[0] / "model.onnx").read_bytes(), lambda model, texts: None))
    assert OnnxModel(path).class_names == list(NAMES)


def test_outside_data_are_found_wherever_they_stand(exported):
    content = (exported[0] / "model.onnx").read_bytes()
    assert not has_external_data(content)
    assert has_external_data(altered(content, point_outside))
    model = onnx.load_model_from_string(content)
    point_outside_in_a_branch(model, {})
    model.graph.initializer.extend(onnx.load_model_from_string(content).graph.initializer)
    assert has_external_data(model.SerializeToString())


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda content: b"", "no checksum at its end"),
        (lambda content: b"I am no model", "no checksum at its end"),
        (lambda content: content[: len(content) // 2], "no checksum at its end"),
        (lambda content: content[:5000] + bytes([content[5000] ^ 1]) + content[5001:], "damaged or altered"),
        (lambda content: content + b"\n", "no checksum at its end"),
        (lambda content: append_checksum(b"I am no model"), "not an ONNX file"),
        (lambda content: append_checksum(b"\xff" * 40), "not an ONNX file"),
        (lambda content: append_checksum(b""), "onnxruntime cannot open it|not exported by Fathom"),
    ],
)
def test_a_damaged_or_foreign_file_is_refused(damage, message, exported, tmp_path):
    path = tmp_path / "model.onnx"
    path.write_bytes(damage((exported[0] / "model.onnx").read_bytes()))
    with pytest.raises(FathomError, match=message) as caught:
        OnnxModel(path)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith(str(path))


def test_an_enormous_file_is_refused_unread(tmp_path):
    path = tmp_path / "model.onnx"
    with open(path, "wb") as file:
        file.truncate(1 << 33)  # sparse: it takes no room on the disk
    with pytest.raises(FathomError, match="larger than 2 GiB"):
        OnnxModel(path)


def test_an_onnx_file_of_others_is_refused(tmp_path):
    identity = onnx.helper.make_node("Identity", ["x"], ["y"])
    value = [onnx.helper.make_tensor_value_info(name, onnx.TensorProto.FLOAT, [1]) for name in "xy"]
    onnx.save(
        onnx.helper.make_model(onnx.helper.make_graph([identity], "g", value[:1], value[1:])), tmp_path / "a.onnx"
    )
    with pytest.raises(FathomError, match="not an ONNX file of `fathom export`"):
        OnnxModel(tmp_path / "a.onnx")
