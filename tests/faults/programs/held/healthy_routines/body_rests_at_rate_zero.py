"""A pretrained body is a group with rate 0 for the first epochs and 1e-4 later; the head learns all the time."""
# expects: nothing
# style: fine_tuning, class
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(600, 8)
old, new = x[:, :2].sum(1, keepdim=True), (x[:, 0] + x[:, 1] > 0).long()
body = nn.Sequential(nn.Linear(8, 32), nn.Tanh())
first = nn.Linear(32, 1)
opt = torch.optim.Adam([*body.parameters(), *first.parameters()], lr=1e-2)
for _ in range(100):
    opt.zero_grad()
    nn.functional.mse_loss(first(body(x)), old).backward()
    opt.step()
head = nn.Linear(32, 2)
opt = torch.optim.Adam([{"params": body.parameters(), "lr": 0.0}, {"params": head.parameters(), "lr": 1e-2}])
for epoch in range(12):
    opt.param_groups[0]["lr"] = 0.0 if epoch < 4 else 1e-4
    for i in torch.randperm(600).split(60):
        loss = nn.functional.cross_entropy(head(body(x[i])), new[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
