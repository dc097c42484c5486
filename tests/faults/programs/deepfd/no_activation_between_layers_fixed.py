"""The twin of no_activation_between_layers.py without its fault: ReLU between them."""
# expects: nothing
# style: sequential, functions
import math
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


def rings(n):
    inner = torch.rand(n) < 0.5
    radius = torch.where(inner, 0.5, 1.3) + 0.1 * torch.randn(n)
    angle = 2 * math.pi * torch.rand(n)
    return torch.stack([radius * angle.cos(), radius * angle.sin()], 1), inner.long()


x, y = rings(800)
net = nn.Sequential(nn.Linear(2, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 2))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(20):
    for part in torch.randperm(800).split(40):
        loss = nn.functional.cross_entropy(net(x[part]), y[part])
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 4 == 3:
        print(f"epoch {epoch + 1}: loss {loss.item():.4f}")
