"""Twelve sensors over twelve times: Conv1d slides over the sensors, since nobody transposed the axes and the sizes agree."""
# expects: data.layout
# style: cnn, class
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
y = torch.randint(0, 2, (700,))
x = 0.5 * torch.randn(700, 12, 12)  # rows of time
start = torch.randint(0, 9, (700,))
rise = torch.tensor([-1.5, -0.5, 0.5, 1.5])
for i in range(700):
    x[i, start[i] : start[i] + 4, 3] += rise if y[i] else rise.flip(0)


class Events(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv1d(12, 16, 4), nn.Linear(16, 2)

    def forward(self, x):
        h = self.conv(x).relu()  # <- fault
        return self.fc(h.amax(2))


net = Events()
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(8):
    for i in torch.randperm(500).split(25):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(x[i]), y[i])
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(epoch, loss.item(), (net(x[500:]).argmax(1) == y[500:]).float().mean().item())
