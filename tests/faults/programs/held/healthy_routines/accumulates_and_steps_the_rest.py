"""Eleven batches, four to a step; the last three make a step of their own and are divided by three."""
# expects: nothing
# style: accumulation, class
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(330, 8)
y = (x[:, 0] > x[:, 1]).long()
loader = DataLoader(TensorDataset(x, y), batch_size=30, shuffle=True)
net = nn.Sequential(nn.Linear(8, 24), nn.GELU(), nn.Linear(24, 2))
opt = torch.optim.AdamW(net.parameters(), lr=1e-2)
every, total = 4, len(loader)
for epoch in range(20):
    for n, (xb, yb) in enumerate(loader):
        in_group = every if n < total // every * every else total % every
        loss = nn.functional.cross_entropy(net(xb), yb)
        (loss / in_group).backward()
        if (n + 1) % every == 0 or n + 1 == total:
            opt.step()
            opt.zero_grad()
    print(epoch, loss.item())
