"""A cross-entropy written by hand takes the log of probabilities that reach 0: NaN after some steps (catalogue: NaN/Inf)."""
# expects: loss.not_finite
# style: functions
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(600, 4) * 3
y = (x[:, 0] > 0).float()
net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1), nn.Sigmoid())
opt = torch.optim.SGD(net.parameters(), lr=0.5, momentum=0.9)


def binary_cross_entropy(p, t):
    return -(t * torch.log(p) + (1 - t) * torch.log(1 - p)).mean()  # <- fault


for epoch in range(12):
    for i in range(0, 600, 30):
        p = net(x[i : i + 30]).squeeze(1)
        loss = binary_cross_entropy(p, y[i : i + 30])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(f"epoch {epoch} loss {loss.item():.5f}")
