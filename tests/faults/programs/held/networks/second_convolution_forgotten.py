"""A block of two convolutions whose forward calls the first one twice."""
# expects: model.layer_unused, step.parameters_not_updated
# style: class, cnn
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1 = nn.Conv2d(c, c, 3, padding=1)
        self.conv2 = nn.Conv2d(c, c, 3, padding=1)

    def forward(self, x):
        out = self.conv1(x).relu()
        out = self.conv1(out)  # <- fault
        return (x + out).relu()


y = torch.randint(0, 2, (300,))
x = 0.5 * torch.randn(300, 1, 8, 8)
x[y == 1] += torch.eye(8)
net = nn.Sequential(nn.Conv2d(1, 6, 1), Block(6), nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(24, 2))
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for epoch in range(10):
    for i in torch.randperm(300).split(30):
        loss = nn.functional.cross_entropy(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
