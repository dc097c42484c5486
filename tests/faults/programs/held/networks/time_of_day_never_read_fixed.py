"""The twin of time_of_day_never_read.py without its fault: it is added to the rest."""
# expects: nothing
# style: class, embedding, regression
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Demand(nn.Module):
    def __init__(self):
        super().__init__()
        self.hour = nn.Embedding(24, 8)
        self.weather = nn.Linear(3, 8)
        self.out = nn.Sequential(nn.ReLU(), nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))

    def forward(self, hour, weather):
        return self.out(self.weather(weather) + self.hour(hour))


hour, weather = torch.randint(0, 24, (800,)), torch.randn(800, 3)
demand = (torch.sin(hour / 24 * 6.28) * 2 + weather[:, 0])[:, None]
net = Demand()
opt = torch.optim.Adam(net.parameters(), 1e-2)
for epoch in range(12):
    for i in torch.randperm(800).split(40):
        loss = nn.functional.mse_loss(net(hour[i], weather[i]), demand[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
