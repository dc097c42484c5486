"""An autoencoder with momentum at a rate of 8."""
# expects: lr.too_high, loss.not_finite, gradient.exploding, loss.oscillates
# style: sequential, autoencoder
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
basis = torch.randn(3, 20)
x = torch.randn(500, 3) @ basis / 2
net = nn.Sequential(nn.Linear(20, 8), nn.Tanh(), nn.Linear(8, 3), nn.Linear(3, 8), nn.Tanh(), nn.Linear(8, 20))
opt = torch.optim.SGD(net.parameters(), lr=8.0, momentum=0.9)  # <- fault
for epoch in range(25):
    for i in torch.randperm(500).split(50):
        loss = nn.functional.mse_loss(net(x[i]), x[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
