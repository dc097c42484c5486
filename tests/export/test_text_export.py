"""Exports of language models: the graph against PyTorch, lines and writing without torch, the same as the run's."""

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

import fathom
from fathom.errors import FathomError, UsageError
from fathom.export.export import export
from fathom.files import write_atomically
from fathom.inference.generation import generate
from fathom.inference.onnx_bytes import append_checksum
from fathom.inference.onnx_file import OnnxModel
from fathom.inference.saved import describe_model, load_module, save_weights
from fathom.models import registry
from fathom.module import LanguageModel
from fathom.recipes.predict import open_predictions

CHARACTERS = ["<unk>", *"\n abcdefghé"]
WORDS = ["<unk>", "<eos>", "sea", "the", "tide"]


def make_run(folder, name="gru", tokens=CHARACTERS, level="char", **options):
    """A folder with a language model that was never trained."""
    torch.manual_seed(0)
    options = ({} if name == "gpt" else {"hidden": 12}) | options
    net = registry.create(name, input_shape=(8,), num_classes=len(tokens), **options)
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.mul_(3)  # so that states matter
    tokenizer = {
        "level": level,
        "lower": level == "word",
        "clean": "none",
        "reserved": [t for t in tokens if t == "<eos>"],
    }
    module = LanguageModel(net, tokens=tokens, tokenizer=tokenizer)
    folder.mkdir(exist_ok=True)
    write_atomically(folder / "model.json", json.dumps(describe_model(module, name, options, (8,), len(tokens))))
    save_weights(folder / "model.safetensors", module)
    return folder


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """A GRU of words, and its export."""
    run = make_run(tmp_path_factory.mktemp("written") / "run", tokens=WORDS, level="word", embedding=5, dropout=0.3)
    return run, export(run, licence="MIT")


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
@pytest.mark.parametrize("options", [{}, {"layers": 3, "embedding": 4}], ids=["one-hot", "deep"])
def test_the_graph_computes_what_the_run_does_for_any_length_and_batch(name, options, tmp_path):
    run = make_run(tmp_path / "run", name, **options)
    record = export(run)
    onnx.checker.check_model(onnx.load(record["path"]), full_check=True)
    session = onnxruntime.InferenceSession(record["path"], providers=["CPUExecutionProvider"])
    module, _ = load_module(run)
    for steps, batch in ((1, 1), (13, 4)):
        tokens = torch.randint(0, len(CHARACTERS), (steps, batch))
        state = [torch.rand(options.get("layers", 1), batch, 12) for _ in range(2 if name == "lstm" else 1)]
        with torch.no_grad():
            logits, after = module.net(tokens, tuple(state) if name == "lstm" else state[0])
        values = dict(zip(("tokens", "state", "cell_state"), [tokens, *state]))  # noqa: B905
        ours = session.run(None, {key: value.numpy() for key, value in values.items()})
        for a, b in zip(ours, [logits, *(after if name == "lstm" else [after])], strict=True):
            np.testing.assert_allclose(a, b.numpy(), atol=1e-5)
    assert set(record["verified"]["largest_difference"]) >= {"logits", "next_state"}


@pytest.mark.slow
def test_a_transformer_goes_on_from_its_memory(tmp_path):
    run = make_run(tmp_path / "run", "gpt", width=16, layers=2, heads=2, context=6)
    record = export(run)
    assert record["verified"]["largest_difference"]["logits"] < 1e-5
    for seed in (0, 1):
        ours, theirs = (generate(each, prefix="abba", length=20, seed=seed).text for each in (run, record["path"]))
        assert ours == theirs


def test_the_metadata_tell_how_a_text_becomes_tokens(written):
    texts = onnxruntime.InferenceSession(written[1]["path"]).get_modelmeta().custom_metadata_map
    assert (texts["kind"], texts["model"], texts["licence"], texts["class_names"]) == (
        "language_model",
        "gru",
        "MIT",
        "[]",
    )
    assert json.loads(texts["input"]) == {
        "kind": "tokens",
        "tokens": WORDS,
        "tokenizer": {"level": "word", "lower": True, "clean": "none", "reserved": ["<eos>"]},
    }


def test_lines_are_scored_as_by_the_run(written, tmp_path, monkeypatch):
    (tmp_path / "lines.txt").write_text("The sea\n\nthe tide the sea <eos> gulls\nthe\n", encoding="utf-8")
    files = [tmp_path / "lines.txt", tmp_path / "absent.txt"]
    theirs = list(open_predictions(written[0], files).rows)
    monkeypatch.setattr("fathom.inference.line_perplexity._STEPS", 2)  # long lines are read in parts
    ours = list(open_predictions(written[1]["path"], files).rows)
    assert [(row["line"], row["tokens"], row["unknown"]) for row in ours[:-1]] == [(1, 1, 0), (3, 5, 1)]
    assert "absent.txt" in ours[-1]["error"]
    for a, b in zip(ours, theirs, strict=True):
        assert a == b | ({"perplexity": pytest.approx(b["perplexity"], rel=1e-5)} if "perplexity" in b else {})
    module, _ = load_module(written[0])
    with torch.no_grad():
        loss = torch.nn.functional.cross_entropy(module(torch.tensor([[3]]))[0], torch.tensor([2]))
    assert ours[0]["perplexity"] == pytest.approx(float(loss.exp()), rel=1e-5)


def test_it_writes_what_the_run_writes(tmp_path):
    run = make_run(tmp_path / "run", "lstm")
    path = export(run)["path"]
    for options in ({"seed": 3}, {"temperature": 0}, {"top_k": 2, "temperature": 0.5, "seed": 1}):
        assert generate(path, "bad é", 40, **options) == generate(run, "bad é", 40, **options)


def test_the_encoding_of_the_training_text_goes_along(tmp_path):
    run = make_run(tmp_path / "run")
    description = json.loads((run / "model.json").read_text(encoding="utf-8"))
    description["input"]["encoding"] = "cp1252"
    (run / "model.json").write_text(json.dumps(description), encoding="utf-8")
    path = export(run)["path"]
    (tmp_path / "lines.txt").write_bytes("bé\n".encode("cp1252"))
    (theirs,), (ours,) = (list(open_predictions(model, [tmp_path / "lines.txt"]).rows) for model in (run, path))
    assert (theirs["text"], ours["text"]) == ("bé", "bé")
    description["input"]["encoding"] = "klingon"
    (run / "model.json").write_text(json.dumps(description), encoding="utf-8")
    with pytest.raises(FathomError, match=r"model\.json: cannot build the network \(unknown encoding 'klingon'"):
        load_module(run)


def test_predicting_and_writing_import_no_torch(written, tmp_path):
    (tmp_path / "lines.txt").write_text("the sea\n")
    code = f"""
import sys
from fathom.cli.main import main
assert main(["predict", {written[1]["path"]!r}, "lines.txt", "--out", "out.csv"]) == 0
assert main(["generate", {written[1]["path"]!r}, "--prefix", "the sea", "--length", "5"]) == 0
print(*sorted({{"torch", "torchvision", "onnx", "onnxscript", "pandas", "onnxruntime"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=tmp_path, check=True)
    text, imported = done.stdout.splitlines()
    assert imported == "onnxruntime"
    assert text.startswith("the sea ")
    assert len((tmp_path / "out.csv").read_text().splitlines()) == 2


def test_what_cannot_be_is_refused(written, tmp_path):
    run, record = written
    with pytest.raises(UsageError, match=r"torch\.export fixes the number of tokens; export a text model as onnx"):
        export(run, "torch")
    with pytest.raises(UsageError, match="--int8 is for models of images and of tables"):
        export(run, int8="dynamic")
    with pytest.raises(UsageError, match="--top is for classifiers"):
        open_predictions(record["path"], ["a.txt"], top=2)
    with pytest.raises(UsageError, match=r"--device cuda: an \.onnx file runs on the CPU"):
        fathom.generate(record["path"], device="cuda")


def forge(content, **texts):
    model = onnx.load_model_from_string(content)
    known = {entry.key: entry.value for entry in model.metadata_props if entry.key != "fathom_sha256"}
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, known | texts)
    return append_checksum(model.SerializeToString())


def tokens_of(tokens, **tokenizer):
    known = {"level": "char", "lower": False, "clean": "none", "reserved": []} | tokenizer
    return json.dumps({"kind": "tokens", "tokens": tokens, "tokenizer": known})


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        ({"input": tokens_of(WORDS[:-1])}, "contradict each other"),
        ({"kind": "classifier"}, "contradict each other"),
        ({"input": tokens_of(WORDS[1:])}, "its metadata is damaged"),
        ({"input": tokens_of([*WORDS[:-1], "sea"])}, "its metadata is damaged"),
        ({"input": tokens_of(WORDS, level="page")}, "its metadata is damaged"),
        ({"input": json.dumps({"kind": "features", "features": 5})}, "contradict each other"),
    ],
)
def test_a_forged_file_is_refused(texts, message, written, tmp_path):
    (tmp_path / "x.onnx").write_bytes(forge((written[0] / "model.onnx").read_bytes(), **texts))
    with pytest.raises(FathomError, match=message) as caught:
        OnnxModel(tmp_path / "x.onnx")
    assert "\n" not in str(caught.value)
