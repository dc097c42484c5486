"""The last layer of each residual block starts at zero, so the blocks begin as identities (ResNet's zero-init trick)."""
# expects: nothing
# style: class, cnn
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Block(nn.Module):
    def __init__(self, c):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        self.conv2, self.bn2 = nn.Conv2d(c, c, 3, padding=1, bias=False), nn.BatchNorm2d(c)
        nn.init.zeros_(self.bn2.weight)

    def forward(self, x):
        y = torch.relu(self.bn1(self.conv1(x)))
        return torch.relu(x + self.bn2(self.conv2(y)))


class TinyResNet(nn.Module):
    def __init__(self, c=12, classes=4):
        super().__init__()
        self.stem = nn.Conv2d(1, c, 3, padding=1)
        self.blocks = nn.Sequential(Block(c), Block(c))
        self.head = nn.Linear(c, classes)

    def forward(self, x):
        return self.head(self.blocks(self.stem(x)).mean((2, 3)))


k = torch.randint(0, 4, (500,))
x = 0.7 * torch.randn(500, 1, 10, 10)
patterns = torch.zeros(4, 10, 10)
patterns[0, ::2], patterns[1, :, ::2], patterns[2, 3:7, 3:7] = 1, 1, 2
x += patterns[k].unsqueeze(1)
net = TinyResNet()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(5):
    net.train()
    for rows in torch.randperm(400).split(40):
        loss = nn.functional.cross_entropy(net(x[rows]), k[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(f"epoch {epoch} {loss.item():.3f} {(net(x[400:]).argmax(1) == k[400:]).float().mean():.3f}")
