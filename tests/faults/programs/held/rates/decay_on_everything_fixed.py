"""The twin of decay_on_everything.py without its fault: decay for matrices and kernels only."""
# expects: nothing
# style: cnn, sequential
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
y = torch.randint(0, 3, (360,))
x = torch.randn(360, 1, 9, 9) + 2.5
for i, k in enumerate(y.tolist()):
    x[i, 0, 3 * k : 3 * k + 3, 3:6] += 1.2
net = nn.Sequential(
    nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3), nn.BatchNorm2d(8), nn.ReLU(),
    nn.Flatten(), nn.Linear(200, 3),
)
matrices = [p for p in net.parameters() if p.ndim > 1]
others = [p for p in net.parameters() if p.ndim <= 1]
groups = [{"params": matrices, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}]
opt = torch.optim.SGD(groups, lr=0.05, momentum=0.9)
for epoch in range(10):
    net.train()
    for rows in torch.randperm(360).split(36):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
