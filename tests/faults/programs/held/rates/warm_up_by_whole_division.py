"""A warm-up by step // 500 stays at zero for all of a run of 300 steps."""
# expects: lr.zero, lr.schedule_rhythm
# style: scheduler, sequential
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(300, 5)
y = x.prod(1, keepdim=True).sign() * x[:, :1].abs() + x[:, 1:2]
model = nn.Sequential(nn.Linear(5, 48), nn.ReLU(), nn.Linear(48, 1))
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
warm = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: min(1, step // 500))  # <- fault
for epoch in range(30):
    for rows in torch.randperm(300).split(30):
        loss = nn.functional.smooth_l1_loss(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        warm.step()
    if epoch % 5 == 0:
        print(epoch, warm.get_last_lr(), loss.item())
