"""The twin of adapters_come_after_the_optimizer.py without its fault: the optimiser is built last."""
# expects: nothing
# style: lora, class
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Adapter(nn.Module):
    def __init__(self, base, rank=8):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.down = nn.Parameter(0.2 * torch.randn(base.in_features, rank))
        self.up = nn.Parameter(torch.zeros(rank, base.out_features))

    def forward(self, x):
        return self.base(x) + x @ self.down @ self.up


net = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 4))
net[4].bias.requires_grad_(True)
for i in (0, 2):
    net[i] = Adapter(net[i])
opt = torch.optim.AdamW([p for p in net.parameters() if p.requires_grad], lr=2e-2)
x = torch.randn(600, 16)
y = (x[:, 0] * x[:, 1] > 0).long() + 2 * (x[:, 2] * x[:, 3] > 0).long()
for epoch in range(25):
    for rows in torch.randperm(600).split(60):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
print("training loss", loss.item())
