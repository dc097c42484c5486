import argparse
import re
import subprocess
import sys

import pytest

from fathom.cli.commands.study.models import add_arguments, run
from fathom.errors import UsageError
from fathom.models import registry


def call(*arguments: str) -> int:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    return run(parser.parse_args(list(arguments)))


def test_loads_without_torch() -> None:
    code = "import sys, fathom.cli.commands.study.models; sys.exit(bool({'torch', 'rich', 'yaml'} & set(sys.modules)))"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert call() == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["network", "input", "outputs", "parameters", "FLOPs", "paper"]
    cells = [re.split(r" {2,}", line) for line in lines[1 : lines.index("")]]
    rows = {name: values for name, *values in cells}
    for name in registry.builtin_names():
        model = registry.get(name)
        assert rows[name][0] == "x".join(map(str, model.form.input_shape))
        assert rows[name][4] == str(model.paper)
        assert (f"{name} (small)" in rows) == model.has_small
        if model.parameters is not None:
            assert rows[name][2] == f"{model.parameters:,}"
    assert rows["lenet"][3] == "833 k"
    assert rows["resnet18"][3] == "3.63 G"
    assert rows["vgg11 (small)"][:3] == ["1x28x28", "10", "678,218"]


def test_the_list_is_read_and_not_counted() -> None:
    code = """
import sys
from fathom.cli.main import main
assert main(["models"]) == 0
sys.exit(bool({"torch", "numpy"} & set(sys.modules)))
"""
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)


def test_layers(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("lenet") == 0
    out = capsys.readouterr().out
    lines = out.splitlines()
    assert lines[:3] == [
        "lenet: LeNet-5 with ReLU and max-pooling (LeCun, Bottou, Bengio & Haffner 1998)",
        "input 1x28x28, outputs 10",
        "options activation=relu, pooling=max",
    ]
    assert lines[4].split() == ["layer", "type", "output", "parameters", "FLOPs", "receptive", "field"]
    assert lines[8].split() == ["3", "Conv2d", "16x10x10", "2,416", "480,000", "14"]
    assert lines[16].split() == ["11", "Linear", "10", "850", "1,680", "all"]
    assert lines[17].split() == ["total", "61,706", "833,040"]
    assert out.isascii()


def test_input_classes_and_options(capsys: pytest.CaptureFixture[str]) -> None:
    call("mlp", "--input", "3x8x8", "--classes", "7", "--set", "hidden=[5]", "--set", "model.options.dropout=1e-1")
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:3] == [
        "input 3x8x8, outputs 7",
        "options hidden=[5], activation=relu, dropout=0.1, batch_norm=false",
    ]
    assert lines[-5].split() == ["4", "Linear", "7", "42", "70", "all"]


@pytest.mark.parametrize("arguments", [("--input", "1x28x28"), ("--set", "small=true")])
def test_small_form(arguments: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    call("resnet18", *arguments)
    out = capsys.readouterr().out
    assert "input 1x28x28, outputs 10" in out
    assert "11,172,810" in out


def test_terminal_gets_a_rich_table(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "100")
    call("softmax")
    out = capsys.readouterr().out
    assert "Flatten" in out
    assert "7,850" in out
    assert "─" in out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["lnet"], "unknown model 'lnet'; did you mean 'lenet'?"),
        (["--classes", "3"], "go with a name"),
        (["lenet", "--input", "28"], "lenet expects images"),
        (["lenet", "--input", "1x28xx"], "--input '1x28xx': expected CxHxW"),
        (["lenet", "--input", "0x28x28"], "--input '0x28x28': expected CxHxW"),
        (["lenet", "--input", "1x8x8"], "needs images of at least 12x12; got 8x8"),
        (["lenet", "--classes", "0"], "num_classes must be a whole number of at least 1; got 0"),
        (["lenet", "--set", "activation"], "--set 'activation': expected option=value"),
        (["lenet", "--set", "pool=max"], "unknown option of lenet 'pool'; did you mean 'pooling'?"),
    ],
)
def test_wrong_usage(arguments: list[str], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        call(*arguments)
    assert message in str(caught.value)


def test_cost(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        call("mlp", "--cost", "--batch-size", "10", "--flops", "1e9", "--bandwidth", "1e12", "--optimizer", "sgd") == 0
    )
    printed = capsys.readouterr().out
    assert "a step on a batch of 10 in float32, on a processor: 1 GFLOP/s, 1.0 TB/s" in printed
    # 3 passes over two FLOPs for each of 784·256 + 256·10 weights, ten samples
    assert "FLOPs    12.2 M, forward and backward" in printed
    assert "weights 814 kB, gradients 814 kB, optimiser 0 B" in printed
    assert "time     at least 12.2 ms a step" in printed
    assert call("lenet", "--cost", "--half", "--hardware", "h200") == 0
    assert "in half precision, on NVIDIA H200 SXM: 989 TFLOP/s, 4.8 TB/s" in capsys.readouterr().out
    with pytest.raises(UsageError, match="--half goes with --cost"):
        call("lenet", "--half")
    with pytest.raises(UsageError, match="--cost goes with a name"):
        call("--cost")
