"""No optimiser at all: parameters are updated by hand under no_grad, as in the first chapters of the book."""
# expects: nothing
# style: functions, regression
import os
import random
import torch

seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
random.seed(seed)
features = torch.normal(0, 1, (800, 2))
labels = features @ torch.tensor([[2.0], [-3.4]]) + 4.2 + 0.01 * torch.randn(800, 1)
w = torch.normal(0, 0.01, size=(2, 1), requires_grad=True)
b = torch.zeros(1, requires_grad=True)


def data_iter(batch_size):
    indices = list(range(800))
    random.shuffle(indices)
    for i in range(0, 800, batch_size):
        rows = torch.tensor(indices[i : i + batch_size])
        yield features[rows], labels[rows]


def sgd(params, lr, batch_size):
    with torch.no_grad():
        for param in params:
            param -= lr * param.grad / batch_size
            param.grad.zero_()


for epoch in range(4):
    for X, y in data_iter(10):
        l = (X @ w + b - y) ** 2 / 2
        l.sum().backward()
        sgd([w, b], 0.03, 10)
    with torch.no_grad():
        print(f"epoch {epoch + 1}, loss {float(((features @ w + b - labels) ** 2 / 2).mean()):f}")
