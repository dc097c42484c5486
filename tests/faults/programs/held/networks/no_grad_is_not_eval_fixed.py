"""The twin of no_grad_is_not_eval.py without its fault: eval() and train() around it."""
# expects: nothing
# style: class, cnn
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
y = torch.randint(0, 2, (420,))
x = torch.randn(420, 1, 8, 8)
x[:, :, 2:6, 2:6] += (y * 1.0 - 0.5)[:, None, None, None]
order = y[300:].argsort() + 300  # sorted by class, as in folders
net = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU(),
    nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 2),
)
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(12):
    net.train()
    for i in torch.randperm(300).split(30):
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(x[i]), y[i])
        loss.backward()
        opt.step()
    net.eval()
    right = 0
    with torch.no_grad():
        for i in order.split(20):
            right += (net(x[i]).argmax(1) == y[i]).sum().item()
    print(epoch, "val accuracy", right / 120)
