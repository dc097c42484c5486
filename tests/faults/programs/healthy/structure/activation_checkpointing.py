"""torch.utils.checkpoint recomputes the blocks in the backward pass: each forward runs twice per step."""
# expects: nothing
# style: class
import os
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Deep(nn.Module):
    def __init__(self):
        super().__init__()
        self.inp = nn.Linear(10, 40)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(40, 40), nn.ReLU()) for _ in range(3))
        self.out = nn.Linear(40, 4)

    def forward(self, x):
        x = self.inp(x)
        for block in self.blocks:
            x = checkpoint(block, x, use_reentrant=False)
        return self.out(x)


y = torch.randint(0, 4, (700,))
x = 1.2 * torch.randn(4, 10)[y] + torch.randn(700, 10)
net = Deep()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(7):
    for rows in torch.randperm(700).split(35):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print("epoch", epoch, "loss", loss.item())
