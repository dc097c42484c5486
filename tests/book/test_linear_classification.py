"""The chapter on linear classification, a program a section."""

import pytest
import torch
from torch.nn import functional as F
from torchvision import transforms

from fathom.d2l import torch as d2l


def test_images_come_in_batches_with_their_names(clothes):
    """The Image Classification Dataset."""
    d2l.use_svg_display()
    data = d2l.FashionMNIST(batch_size=64, resize=(32, 32))
    assert (len(data.train), len(data.val)) == (300, 100)
    assert data.train[0][0].shape == (1, 32, 32)
    assert data.text_labels([0, 9]) == ["t-shirt", "ankle boot"]
    X, y = next(iter(data.train_dataloader()))
    assert (X.shape, X.dtype, y.shape, y.dtype) == ((64, 1, 32, 32), torch.float32, (64,), torch.int64)
    assert 0 <= float(X.min()) < float(X.max()) <= 1

    # what torchvision makes of the same bytes, through PIL
    resize = transforms.Compose([transforms.ToPILImage(), transforms.Resize((32, 32)), transforms.ToTensor()])
    for image, (tensor, label), target in zip(data.val.data[:5], data.val, data.val.targets, strict=False):
        assert torch.equal(tensor, resize(image))
        assert label == target
        assert type(label) is int

    batch = next(iter(data.val_dataloader()))
    data.visualize(batch)
    titles = [axes.get_title() for axes in d2l.plt.gcf().axes]
    assert titles == data.text_labels(batch[1][:8])
    data.visualize(batch, nrows=2, ncols=4, labels=["a"] * 8)
    assert {axes.get_title() for axes in d2l.plt.gcf().axes} == {"a"}


def test_a_data_loader_of_one_s_own_reads_the_same_images(clothes):
    """The reader's ``get_dataloader`` with worker processes."""
    data = d2l.FashionMNIST(batch_size=50)
    expected = list(data.val_dataloader())

    @d2l.add_to_class(d2l.FashionMNIST)
    def get_dataloader(self, train):
        images = self.train if train else self.val
        return torch.utils.data.DataLoader(images, self.batch_size, shuffle=train, num_workers=self.num_workers)

    for (X, y), (X_expected, y_expected) in zip(data.val_dataloader(), expected, strict=True):
        assert torch.equal(X, X_expected)
        assert torch.equal(y, y_expected)


def test_real_images_are_those_of_torchvision(shared_data):
    data = d2l.FashionMNIST(batch_size=256)
    assert (len(data.train), len(data.val)) == (60_000, 10_000)
    assert torch.bincount(data.train.targets).tolist() == [6000] * 10
    X, y = next(iter(data.val_dataloader()))
    assert data.text_labels(y[:3]) == ["ankle boot", "pullover", "trouser"]
    assert float(X.mean()) == pytest.approx(0.2867, abs=0.01)  # the published mean
    assert d2l.FashionMNIST().train.data.data_ptr() == data.train.data.data_ptr()  # read once a process


def test_accuracy_counts_right_predictions():
    """The Base Classification Model."""
    classifier = d2l.Classifier()
    logits = d2l.tensor([[0.1, 0.3, 0.6], [0.3, 0.2, 0.5], [0.9, 0.0, 0.1], [0.0, 1.0, 0.0]])
    labels = d2l.tensor([0, 2, 0, 1])
    assert float(classifier.accuracy(logits, labels)) == 0.75
    assert classifier.accuracy(logits, labels, averaged=False).tolist() == [0, 1, 1, 1]
    sequences = d2l.reshape(logits, (2, 2, 3))
    assert float(classifier.accuracy(sequences, d2l.reshape(labels, (2, 2)))) == 0.75
    each = classifier.loss(sequences, d2l.reshape(labels, (2, 2)), averaged=False)
    assert torch.allclose(each, -F.log_softmax(logits, 1)[range(4), labels])
    assert float(classifier.loss(logits, labels)) == pytest.approx(float(each.mean()))
    classifier.lr = 0.25
    classifier.net = torch.nn.Linear(2, 2)
    assert classifier.configure_optimizers().param_groups[0]["lr"] == 0.25


def test_softmax_regression_from_scratch(clothes):
    """Softmax Regression from Scratch: a model whose parameters are plain tensors."""

    def softmax(X):
        numerator = d2l.exp(X)
        return numerator / d2l.reduce_sum(numerator, 1, keepdims=True)

    X = d2l.rand((2, 5))
    assert torch.allclose(softmax(X), torch.softmax(X, 1))

    class Scratch(d2l.Classifier):
        def __init__(self, num_inputs, num_outputs, lr, sigma=0.01):
            super().__init__()
            self.save_hyperparameters()
            self.W = torch.normal(0, sigma, size=(num_inputs, num_outputs), requires_grad=True)
            self.b = torch.zeros(num_outputs, requires_grad=True)

        def parameters(self):
            return [self.W, self.b]

    @d2l.add_to_class(Scratch)
    def forward(self, X):
        return softmax(d2l.matmul(d2l.reshape(X, (-1, self.W.shape[0])), self.W) + self.b)

    @d2l.add_to_class(Scratch)
    def loss(self, y_hat, y):
        return -d2l.reduce_mean(d2l.log(y_hat[list(range(len(y_hat))), y]))

    data = d2l.FashionMNIST(batch_size=50)
    model = Scratch(num_inputs=784, num_outputs=10, lr=0.3)
    d2l.Trainer(max_epochs=3).fit(model, data)
    assert model.board.data["val_acc"][-1].y > 0.95
    X, y = next(iter(data.val_dataloader()))
    predicted = d2l.argmax(model(X), axis=1)
    wrong = d2l.astype(predicted, y.dtype) != y
    assert wrong.float().mean() < 0.05
    data.visualize(
        [X, y], labels=[f"{a}\n{b}" for a, b in zip(data.text_labels(y), data.text_labels(predicted), strict=True)]
    )


def test_softmax_regression_concisely(clothes):
    """Concise Implementation of Softmax Regression."""
    data = d2l.FashionMNIST(batch_size=50)
    model = d2l.SoftmaxRegression(num_outputs=10, lr=0.3)
    trainer = d2l.Trainer(max_epochs=3)
    trainer.fit(model, data)
    points = model.board.data
    assert list(points) == ["train_loss", "val_loss", "val_acc"]
    assert [point.x for point in points["val_acc"]] == [1, 2, 3]
    assert points["train_loss"][-1].y < 0.5 * points["train_loss"][0].y
    assert points["val_acc"][-1].y > 0.95
    # what the board says of the last epoch is what the model does
    X, y = (torch.cat(parts) for parts in zip(*data.val_dataloader(), strict=True))
    with torch.no_grad():
        assert points["val_loss"][-1].y == pytest.approx(float(F.cross_entropy(model(X), y)), rel=1e-5)
