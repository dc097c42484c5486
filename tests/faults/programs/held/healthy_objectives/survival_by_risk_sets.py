"""Cox's partial likelihood: the loss of a patient depends on the others of the batch."""
# expects: nothing
# style: regression, survival
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(500, 6)
risk = x[:, 0] - 0.8 * x[:, 1]
time = torch.distributions.Exponential(risk.exp()).sample()
seen = (torch.rand(500) < 0.8).float()
net = nn.Sequential(nn.Linear(6, 16), nn.Tanh(), nn.Linear(16, 1, bias=False))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(25):
    for i in torch.randperm(500).split(100):
        i = i[time[i].argsort(descending=True)]
        h = net(x[i]).squeeze(1)
        loss = -((h - h.logcumsumexp(0)) * seen[i]).sum() / seen[i].sum()
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
