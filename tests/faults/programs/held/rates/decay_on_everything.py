"""Strong weight decay on all parameters of a network with batch normalisation."""
# expects: optimizer.decay_on_norm_and_bias
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
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9, weight_decay=0.05)  # <- fault
for epoch in range(10):
    net.train()
    for rows in torch.randperm(360).split(36):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
