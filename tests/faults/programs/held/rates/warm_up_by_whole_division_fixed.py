"""The twin of warm_up_by_whole_division.py without its fault: step / 50, at most 1."""
# expects: nothing
# style: scheduler, sequential
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(300, 5)
y = x.prod(1, keepdim=True).sign() * x[:, :1].abs() + x[:, 1:2]
model = nn.Sequential(nn.Linear(5, 48), nn.ReLU(), nn.Linear(48, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
warm = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1.0, (step + 1) / 50))
for epoch in range(30):
    for rows in torch.randperm(300).split(30):
        loss = nn.functional.smooth_l1_loss(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        warm.step()
    if epoch % 5 == 0:
        print(epoch, warm.get_last_lr(), loss.item())
