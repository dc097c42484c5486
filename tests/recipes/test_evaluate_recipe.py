"""What ``evaluation.json`` says, against scikit-learn's numbers."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import nn

from fathom.build.configure import configure
from fathom.build.kinds.detection import kind_of
from fathom.build.opening import open_split
from fathom.build.results import SplitResult
from fathom.build.summaries import list_predictions, save_images, summarize, worst_mistakes
from fathom.errors import FathomError, UsageError
from fathom.module import Classifier, Regressor
from fathom.recipes.evaluate import evaluate

NAMES = ("ant", "bee", "cat", "dog")


@pytest.fixture
def evaluated():
    """Logits in which class 3 is never predicted and class 2 never true."""
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(200, 4, generator=generator)
    logits[:, 3] = -9
    labels = torch.tensor([0, 1, 3])[torch.randint(0, 3, (200,), generator=generator)]
    return Classifier(nn.Identity(), class_names=NAMES), logits, labels


def test_a_classifier_s_numbers_are_scikit_learn_s(evaluated):
    module, logits, labels = evaluated
    evaluation = summarize(module, logits, labels, "test")
    predicted = logits.argmax(1)
    assert (evaluation["split"], evaluation["num_samples"]) == ("test", 200)
    assert evaluation["accuracy"] == pytest.approx(metrics.accuracy_score(labels, predicted))
    assert evaluation["loss"] == pytest.approx(metrics.log_loss(labels, logits.double().softmax(1), labels=range(4)))
    assert evaluation["confusion"] == metrics.confusion_matrix(labels, predicted, labels=range(4)).tolist()
    expected = metrics.precision_recall_fscore_support(labels, predicted, labels=range(4), zero_division=0)
    for i, row in enumerate(evaluation["per_class"]):
        assert row["class"] == NAMES[i]
        got = [row["precision"], row["recall"], row["f1"], row["support"]]
        assert got == pytest.approx([float(part[i]) for part in expected])


def test_a_regressor_s_numbers_are_scikit_learn_s():
    rng = np.random.default_rng(0)
    target = torch.from_numpy(rng.normal(size=(50, 1)).astype(np.float32))
    output = target + 0.1 * torch.from_numpy(rng.normal(size=(50, 1)).astype(np.float32))
    evaluation = summarize(Regressor(nn.Identity()), output, target, "val")
    assert evaluation["loss"] == pytest.approx(metrics.mean_squared_error(target, output))
    assert evaluation["rmse"] == pytest.approx(metrics.mean_squared_error(target, output) ** 0.5)
    assert evaluation["mae"] == pytest.approx(metrics.mean_absolute_error(target, output))
    assert evaluation["r2"] == pytest.approx(metrics.r2_score(target, output))
    constant = summarize(Regressor(nn.Identity()), output, torch.ones(50, 1), "val")
    assert constant["r2"] is None


def test_mistakes_are_the_wrong_ones_the_surest_first(evaluated):
    module, logits, labels = evaluated
    mistakes = worst_mistakes(module, SplitResult({}, logits, labels), 10)
    confidence, predicted = logits.softmax(1).max(1)
    wrong = [i for i in range(200) if predicted[i] != labels[i]]
    expected = sorted(wrong, key=lambda i: -confidence[i])[:10]
    assert [mistake["index"] for mistake in mistakes] == expected
    for mistake in mistakes:
        i = mistake["index"]
        assert (mistake["label"], mistake["predicted"]) == (NAMES[labels[i]], NAMES[predicted[i]])
        assert mistake["probability"] == pytest.approx(float(confidence[i]))
    assert worst_mistakes(module, SplitResult({}, logits, predicted), 10) == []


def test_images_of_mistakes_are_saved_as_they_are(tmp_path):
    from PIL import Image

    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, shape, dtype=np.uint8) for shape in ((1, 5, 7), (3, 5, 7))]
    mistakes = [{"index": 3}, {"index": 12345}]
    save_images(tmp_path, mistakes, images)
    assert [mistake["image"] for mistake in mistakes] == ["mistakes/00003.png", "mistakes/12345.png"]
    for mistake, pixels in zip(mistakes, images, strict=True):
        with Image.open(tmp_path / mistake["image"]) as image:
            read = np.asarray(image)
        assert np.array_equal(read if read.ndim == 2 else read.transpose(2, 0, 1), pixels.squeeze())
    save_images(tmp_path / "none", [], [])
    assert not (tmp_path / "none").exists()


def named(names):
    return SimpleNamespace(test_sample_names=lambda: names)


def test_prediction_rows_name_the_classes_and_the_files(evaluated):
    module, logits, labels = evaluated
    columns, rows = list_predictions(module, named(None), SplitResult({}, logits, labels))
    assert columns == ["index", "label", "predicted", "probability"]
    index, label, predicted, probability = next(rows)
    assert (index, label, predicted) == (0, NAMES[labels[0]], NAMES[logits[0].argmax()])
    assert probability == f"{float(logits[0].softmax(0).max()):.6f}"
    files = named(("file", [f"{i}.png" for i in range(len(labels))]))
    columns, rows = list_predictions(module, files, SplitResult({}, logits, labels))
    assert columns == ["index", "file", "label", "predicted", "probability"]
    assert list(rows)[-1][:3] == [len(labels) - 1, f"{len(labels) - 1}.png", NAMES[labels[-1]]]
    found = SplitResult({}, torch.tensor([[2.0]]), torch.tensor([[1.0]]), truth=torch.tensor([[1.0]]))
    columns, rows = list_predictions(Regressor(nn.Identity()), named(("row", ["7"])), found)
    assert (columns, list(rows)) == (["index", "row", "label", "predicted"], [[0, "7", 1.0, 2.0]])


@pytest.fixture(scope="module")
def digits():
    config = configure({"model": {"name": "softmax"}, "data": {"options": {"size": 8}, "batch_size": 64, "val": 0}})
    return config, kind_of(config).build(config)


def test_a_part_that_is_not_there_is_refused(digits):
    config, data = digits
    module = Classifier(nn.Sequential(nn.Flatten(), nn.LazyLinear(10)), class_names=data.class_names)
    with pytest.raises(UsageError, match="digits has no val split"):
        open_split(module, config, data, "val")


def test_data_of_other_classes_are_refused(digits):
    config, data = digits
    with pytest.raises(FathomError, match="are not those the model learned: 10 instead of 4"):
        open_split(Classifier(nn.Flatten(), class_names=NAMES), config, data, "test")


def test_an_unknown_split_is_refused(tmp_path):
    with pytest.raises(UsageError, match="unknown split 'tset'; did you mean 'test'"):
        evaluate(tmp_path, "tset")
