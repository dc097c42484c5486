"""Lookahead: every five steps the weights are pulled halfway back to slow ones."""
# expects: nothing
# style: class, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.rand(400, 2) * 2 - 1
y = torch.sin(3 * x[:, :1]) + x[:, 1:] ** 2
net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), lr=3e-2)
slow = [p.detach().clone() for p in net.parameters()]
for step in range(300):
    i = torch.randint(0, 400, (40,))
    opt.zero_grad()
    loss = nn.functional.mse_loss(net(x[i]), y[i])
    loss.backward()
    opt.step()
    if step % 5 == 4:
        with torch.no_grad():
            for s, p in zip(slow, net.parameters()):
                s.lerp_(p, 0.5)
                p.copy_(s)
    if step % 60 == 0:
        print(step, loss.item())
