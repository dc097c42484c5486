"""Some targets are off by hundreds; Huber's loss takes them in its stride."""
# expects: nothing
# style: regression, sequential
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(500, 4)
y = 2 * x[:, :1] - x[:, 1:2] + 0.1 * torch.randn(500, 1)
wild = torch.rand(500) < 0.03
y[wild] += 40 * torch.randn(int(wild.sum()), 1)
model = nn.Sequential(nn.Linear(4, 24), nn.ReLU(), nn.Linear(24, 1))
opt = torch.optim.Adam(model.parameters(), lr=1e-2)
for epoch in range(20):
    for i in torch.randperm(500).split(50):
        loss = nn.functional.huber_loss(model(x[i]), y[i], delta=0.5)
        opt.zero_grad()
        loss.backward()
        opt.step()
clean = ~wild
print("clean error", (model(x[clean]) - y[clean]).abs().mean().item())
