"""Test-time augmentation: the mean over an image, its mirror image and two shifts of it; the data themselves are read plain."""
# expects: nothing
# style: cnn, class
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
y = torch.randint(0, 2, (360,))
x = 0.6 * torch.randn(360, 1, 8, 8)
x[y == 1, :, 2:6, 2:6] += 0.7
net = nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(128, 2))
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(8):
    net.train()
    for i in torch.randperm(300).split(30):
        batch = x[i].flip(-1) if torch.rand(()) < 0.5 else x[i]
        loss = nn.functional.cross_entropy(net(batch), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        views = [x[300:], x[300:].flip(-1), x[300:].roll(1, -1), x[300:].roll(-1, -1)]
        mean = torch.stack([net(v).softmax(1) for v in views]).mean(0)
        print(epoch, loss.item(), (mean.argmax(1) == y[300:]).float().mean().item())
