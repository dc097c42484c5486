"""The twin of too_low_sgd_regression.py without its fault: lr 0.03, as in the book."""
# expects: nothing
# style: regression, functions
import os
import torch
from torch import nn
from torch.utils import data

torch.manual_seed(int(os.environ.get("SEED", 0)))


def synthetic_data(w, b, num_examples):
    X = torch.normal(0, 1, (num_examples, len(w)))
    y = X @ w + b
    y += torch.normal(0, 0.01, y.shape)
    return X, y.reshape((-1, 1))


true_w, true_b = torch.tensor([2, -3.4]), 4.2
features, labels = synthetic_data(true_w, true_b, 1000)
data_iter = data.DataLoader(data.TensorDataset(features, labels), 10, shuffle=True)
net = nn.Sequential(nn.Linear(2, 1))
loss = nn.MSELoss()
trainer = torch.optim.SGD(net.parameters(), lr=0.03)

for epoch in range(3):
    for X, y in data_iter:
        l = loss(net(X), y)
        trainer.zero_grad()
        l.backward()
        trainer.step()
    l = loss(net(features), labels)
    print(f"epoch {epoch + 1}, loss {l:f}")
