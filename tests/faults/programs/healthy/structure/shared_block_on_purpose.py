"""A universal block is applied four times with the same weights, as in recurrent-depth and ALBERT-like networks."""
# expects: nothing
# style: class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Recurrent(nn.Module):
    """The same block refines the state four times (weights shared by design)."""

    def __init__(self, d=32, times=4):
        super().__init__()
        self.times = times
        self.enter, self.block, self.leave = nn.Linear(6, d), nn.Linear(d, d), nn.Linear(d, 3)
        self.norm = nn.LayerNorm(d)

    def forward(self, x):
        h = self.enter(x)
        for _ in range(self.times):
            h = self.norm(h + torch.tanh(self.block(h)))
        return self.leave(h)


x = torch.randn(900, 6)
y = torch.stack([x[:, 0] * x[:, 1], x[:, 2], x[:, 3].abs() - 0.5], 1).argmax(1)
net = Recurrent()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(12):
    for rows in torch.randperm(900).split(45):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
