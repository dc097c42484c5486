"""The module's zero_grad() and None gradients set by hand, in turn."""
# expects: nothing
# style: regression, functions
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.rand(500, 2) * 2 - 1
y = (x**2).sum(1, keepdim=True) + 0.02 * torch.randn(500, 1)
net = nn.Sequential(nn.Linear(2, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(25):
    for i, rows in enumerate(torch.randperm(500).split(50)):
        if i % 2:
            net.zero_grad()
        else:
            for p in net.parameters():
                p.grad = None
        loss = nn.functional.mse_loss(net(x[rows]), y[rows])
        loss.backward()
        opt.step()
    if epoch % 5 == 4:
        print(epoch + 1, loss.item())
