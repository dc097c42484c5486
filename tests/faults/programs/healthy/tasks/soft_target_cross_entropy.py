"""Targets are probabilities from several raters, given to cross_entropy as (N, K) floats."""
# expects: nothing
# style: sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(900, 10)
scores = x @ torch.randn(10, 4)
votes = torch.distributions.Multinomial(5, logits=scores).sample()
soft = votes / 5
net = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 4))
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(8):
    for rows in torch.randperm(700).split(35):
        loss = nn.functional.cross_entropy(net(x[rows]), soft[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(epoch, loss.item(), nn.functional.cross_entropy(net(x[700:]), soft[700:]).item())
