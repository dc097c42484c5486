"""The twin of order_from_the_system.py without its fault: the seeded one."""
# expects: nothing
# style: functions, regression
import os

import torch
from torch import nn
import numpy as np

SEED = int(os.environ.get("SEED", 0))
torch.manual_seed(SEED)
rng = np.random.default_rng(SEED)
x = torch.linspace(-2, 2, 300)[:, None]
y = torch.cos(2 * x)
net = nn.Sequential(nn.Linear(1, 32), nn.Tanh(), nn.Linear(32, 1))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(25):
    order = torch.from_numpy(rng.permutation(300))
    for i in order.split(30):
        loss = nn.functional.mse_loss(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
print(f"loss {loss.item():.10f}")
