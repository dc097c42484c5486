"""The twin of layers_in_a_list.py without its fault: a ModuleList."""
# expects: nothing
# style: class, regression
import math
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Deep(nn.Module):
    def __init__(self, widths):
        super().__init__()
        self.hidden = nn.ModuleList()
        for a, b in zip(widths[:-2], widths[1:-1]):
            self.hidden.append(nn.Linear(a, b))
        self.final = nn.Linear(widths[-2], widths[-1])

    def forward(self, x):
        for layer in self.hidden:
            x = torch.tanh(layer(x))
        return self.final(x)


net = Deep([2, 20, 20, 1])
opt = torch.optim.Adam(net.parameters(), lr=0.01)
xy = torch.rand(800, 2) * 4 - 2
z = torch.sin(math.pi * xy[:, :1]) * torch.cos(xy[:, 1:])
for epoch in range(40):
    perm = torch.randperm(800)
    for i in range(0, 800, 40):
        batch = perm[i : i + 40]
        loss = ((net(xy[batch]) - z[batch]) ** 2).mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    if epoch % 8 == 7:
        print(f"after {epoch + 1} epochs: {loss.item():.5f}")
