"""Online learning: batches of one row, in order, layer normalisation instead of batch normalisation."""
# expects: nothing
# style: sequential, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
net = nn.Sequential(nn.Linear(4, 16), nn.LayerNorm(16), nn.ReLU(), nn.Linear(16, 1))
opt = torch.optim.SGD(net.parameters(), lr=0.02)
recent = 1.0
for t in range(900):
    x = torch.randn(1, 4)
    y = x[:, :1] - 0.5 * x[:, 1:2]
    loss = nn.functional.mse_loss(net(x), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    recent = 0.98 * recent + 0.02 * loss.item()
    if t % 150 == 149:
        print(t, recent)
