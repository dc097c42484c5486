"""Full batch and Rprop, which looks at signs alone."""
# expects: nothing
# style: functions, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.linspace(-1, 1, 120)[:, None]
y = x**3 - 0.5 * x
net = nn.Sequential(nn.Linear(1, 20), nn.Tanh(), nn.Linear(20, 1))
opt = torch.optim.Rprop(net.parameters(), lr=0.005)
for step in range(150):
    opt.zero_grad()
    loss = nn.functional.mse_loss(net(x), y)
    loss.backward()
    opt.step()
print(loss.item())
