"""The twin of negative_weights_on_counts.py without its fault: weights on both sides of zero."""
# expects: nothing
# style: sequential, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.rand(400, 8)
y = x @ torch.linspace(-1, 1, 8).unsqueeze(1)
net = nn.Sequential(nn.Linear(8, 40), nn.ReLU(), nn.Linear(40, 1))
nn.init.uniform_(net[0].weight, -0.4, 0.4)
nn.init.constant_(net[0].bias, 0.0)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(20):
    for i in torch.randperm(400).split(40):
        opt.zero_grad()
        loss = ((net(x[i]) - y[i]) ** 2).mean()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
