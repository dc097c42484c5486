"""The twin of same_layer_three_times.py without its fault: three layers."""
# expects: nothing
# style: sequential, regression
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
width = 32
hidden = [layer for _ in range(3) for layer in (nn.Linear(width, width), nn.Tanh())]
net = nn.Sequential(nn.Linear(3, width), nn.Tanh(), *hidden, nn.Linear(width, 1))
print("parameters:", sum(p.numel() for p in net.parameters()))

x = 2 * torch.rand(900, 3) - 1
y = torch.sin(3 * x[:, :1]) * x[:, 1:2] + x[:, 2:] ** 2
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(15):
    running = 0.0
    for i in range(0, 900, 45):
        loss = nn.functional.mse_loss(net(x[i : i + 45]), y[i : i + 45])
        opt.zero_grad()
        loss.backward()
        opt.step()
        running += loss.item() / 20
    print(f"epoch {epoch} {running:.5f}")
