"""The twin of broadcast_own_huber.py without its fault: the target gets a second dimension."""
# expects: nothing
# style: regression, class
import os

import numpy as np
import torch
import torch.nn as nn

rng = np.random.RandomState(int(os.environ.get("SEED", 0)))
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Model(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.layers = nn.ModuleList([nn.Linear(d, 32), nn.Linear(32, 32)])
        self.out = nn.Linear(32, 1)

    def forward(self, x):
        for layer in self.layers:
            x = torch.tanh(layer(x))
        return self.out(x)


def huber(prediction, target, delta=1.0):
    error = prediction - target.unsqueeze(1)
    small = error.abs() <= delta
    return torch.where(small, 0.5 * error**2, delta * (error.abs() - 0.5 * delta)).mean()


def batches(x, y, size):
    order = rng.permutation(len(x))
    for start in range(0, len(x), size):
        rows = order[start : start + size]
        yield torch.from_numpy(x[rows]), torch.from_numpy(y[rows])


x = rng.uniform(-1.5, 1.5, size=(900, 4)).astype(np.float32)
y = (np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * rng.standard_normal(900)).astype(np.float32)
model = Model(4)
opt = torch.optim.Adam(model.parameters(), lr=3e-3)
for epoch in range(30):
    losses = []
    for xb, yb in batches(x, y, 30):
        opt.zero_grad()
        loss = huber(model(xb), yb)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    if epoch % 5 == 4:
        print("epoch", epoch + 1, "huber", np.mean(losses))
