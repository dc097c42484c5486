"""150 classes and small batches: most classes are in no batch, some in no training row."""
# expects: nothing
# style: embedding, class
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
centre = torch.randn(150, 16)
y = (150 * torch.rand(2000) ** 2).long()
x = centre[y] + 0.2 * torch.randn(2000, 16)
net = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 150))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(8):
    for i in torch.randperm(2000).split(50):
        loss = nn.functional.cross_entropy(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
