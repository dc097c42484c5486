"""The twin of clears_the_average_instead.py without its fault: the network's own gradients are cleared."""
# expects: nothing
# style: sequential, cnn
import os

import torch
from torch import nn
import copy

torch.manual_seed(int(os.environ.get("SEED", 0)))
k = torch.randint(0, 3, (480,))
x = torch.randn(480, 1, 8, 8)
for i, c in enumerate(k):
    x[i, :, 2 * c : 2 * c + 3] += 0.6
model = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(216, 3))
shadow = copy.deepcopy(model).requires_grad_(False)
sgd = torch.optim.SGD(model.parameters(), lr=0.1)
for epoch in range(8):
    for rows in torch.randperm(480).split(40):
        model.zero_grad()
        loss = nn.functional.cross_entropy(model(x[rows]), k[rows])
        loss.backward()
        sgd.step()
        with torch.no_grad():
            for s, p in zip(shadow.parameters(), model.parameters()):
                s.lerp_(p, 0.05)
    print(epoch, loss.item())
