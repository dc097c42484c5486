"""The twin of log_of_zero.py without its fault: logits and the stable form."""
# expects: nothing
# style: functions
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(600, 4) * 3
y = (x[:, 0] > 0).float()
net = nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)


def binary_cross_entropy(p, t):
    return nn.functional.binary_cross_entropy_with_logits(p, t)


for epoch in range(12):
    for i in range(0, 600, 30):
        p = net(x[i : i + 30]).squeeze(1)
        loss = binary_cross_entropy(p, y[i : i + 30])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(f"epoch {epoch} loss {loss.item():.5f}")
