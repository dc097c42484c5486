"""Momentum 0.99 with the rate of plain descent: the loss of a linear fit swings for hundreds of steps."""
# expects: loss.oscillates, lr.too_high
# style: functions, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
scale = torch.tensor([1.0, 0.7, 0.5, 0.35, 0.25])
X = torch.randn(300, 5) * scale
y = X @ torch.tensor([1.0, -2.0, 3.0, -4.0, 5.0]) + 1.5
w, b = torch.zeros(5, requires_grad=True), torch.zeros((), requires_grad=True)
opt = torch.optim.SGD([w, b], lr=0.1, momentum=0.99)  # <- fault
for step in range(260):
    part = torch.randint(0, 300, (100,))
    loss = (X[part] @ w + b - y[part]).square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 13 == 0:
        print(step, f"{loss.item():.5f}")
