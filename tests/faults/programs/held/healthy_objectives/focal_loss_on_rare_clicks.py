"""Focal loss, written out, for rare positives, with the last bias at the log-odds of the prior."""
# expects: nothing
# style: class, sklearn
import math
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(1500, 8)
clicked = (x[:, 0] + x[:, 1] + 0.4 * torch.randn(1500) > 2.2).float()


def focal(z, t, gamma=2.0):
    p = torch.sigmoid(z)
    right = torch.where(t > 0.5, p, 1 - p)
    return -((1 - right) ** gamma * right.clamp_min(1e-7).log()).sum() / t.sum().clamp_min(1)


net = nn.Sequential(nn.Linear(8, 24), nn.ReLU(), nn.Linear(24, 1))
prior = clicked.mean().item()
nn.init.constant_(net[2].bias, math.log(prior / (1 - prior)))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(12):
    for i in torch.randperm(1500).split(75):
        loss = focal(net(x[i]).squeeze(1), clicked[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
