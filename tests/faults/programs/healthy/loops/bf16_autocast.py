"""Autocast to bfloat16 on the CPU needs no scaler."""
# expects: nothing
# style: amp, cnn
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
k = torch.randint(0, 4, (500,))
x = 0.5 * torch.randn(500, 1, 10, 10)
for i, c in enumerate(k.tolist()):
    x[i, 0, 5 * (c // 2) : 5 * (c // 2) + 5, 5 * (c % 2) : 5 * (c % 2) + 5] += 0.8
net = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(512, 4))
opt = torch.optim.AdamW(net.parameters(), lr=3e-3)
for epoch in range(5):
    for rows in torch.randperm(500).split(25):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = nn.functional.cross_entropy(net(x[rows]), k[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
