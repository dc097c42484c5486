"""Whole residual blocks are skipped at random while training, so some layers get no gradient in some steps."""
# expects: nothing
# style: class
import os
import random
import torch
from torch import nn

seed = int(os.environ.get("SEED", 0))
random.seed(seed)
torch.manual_seed(seed)


class Block(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.f = nn.Sequential(nn.LayerNorm(d), nn.Linear(d, d), nn.GELU())

    def forward(self, x):
        return x + self.f(x)


class Net(nn.Module):
    def __init__(self, d=32, depth=4, survive=0.8):
        super().__init__()
        self.first, self.last = nn.Linear(8, d), nn.Linear(d, 3)
        self.blocks = nn.ModuleList(Block(d) for _ in range(depth))
        self.survive = survive

    def forward(self, x):
        x = self.first(x)
        for block in self.blocks:
            if not self.training or random.random() < self.survive:
                x = block(x)
        return self.last(x)


x = torch.randn(800, 8)
y = (x[:, :3] + 0.5 * x[:, 3:6] * x[:, 5:8]).argmax(1)
net = Net()
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(10):
    net.train()
    for rows in torch.randperm(800).split(40):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        opt.zero_grad(set_to_none=True)
        loss.backward()
        opt.step()
    print(epoch, loss.item())
