"""Twelve sigmoid layers under SGD: nothing reaches the first ones."""
# expects: gradient.vanishing, model.saturated_units
# style: sequential
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
layers = []
for a, b in zip([6] + [24] * 11, [24] * 12):
    layers += [nn.Linear(a, b), nn.Sigmoid()]  # <- fault
net = nn.Sequential(*layers, nn.Linear(24, 3))
for m in net:
    if isinstance(m, nn.Linear):
        nn.init.xavier_normal_(m.weight)  # <- fault
        nn.init.zeros_(m.bias)
X = torch.randn(600, 6)
y = X[:, :3].argmax(1)
sgd = torch.optim.SGD(net.parameters(), lr=0.02)
for epoch in range(20):
    for i in torch.randperm(600).split(30):
        sgd.zero_grad()
        loss = nn.functional.cross_entropy(net(X[i]), y[i])
        loss.backward()
        sgd.step()
    print(epoch, round(loss.item(), 4))
