"""A rule without noise: the loss falls to almost nothing and the gradients with it, which is success."""
# expects: nothing
# style: class, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(300, 4)
y = x @ torch.tensor([[1.0], [-2.0], [0.5], [3.0]]) + 1
net = nn.Linear(4, 1)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(30):
    for i in torch.randperm(300).split(30):
        opt.zero_grad()
        loss = nn.functional.mse_loss(net(x[i]), y[i])
        loss.backward()
        opt.step()
print(loss.item())
