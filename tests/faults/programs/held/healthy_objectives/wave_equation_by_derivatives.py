"""A physics-informed network: derivatives by autograd with create_graph, and a boundary term."""
# expects: nothing
# style: functions, physics
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for step in range(300):
    t = (torch.rand(64, 1) * 2).requires_grad_()
    u = net(t)
    (du,) = torch.autograd.grad(u.sum(), t, create_graph=True)
    start = net(torch.zeros(1, 1)) - 1
    loss = (du + u).square().mean() + start.square().mean()
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 60 == 0:
        print(step, loss.item())
print("u(1)", net(torch.ones(1, 1)).item(), "should be 0.368")
