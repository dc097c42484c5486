"""All weights are set to zero: the hidden units stay equal for ever (DeepFD: wrong initialisation)."""
# expects: init.symmetric, gradient.vanishing, step.parameters_not_updated
# style: sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
X = torch.randn(800, 6)
y = ((X[:, 0] > 0) ^ (X[:, 1] > 0)).long() + (X[:, 2] > 1).long()

net = nn.Sequential(nn.Linear(6, 40), nn.Tanh(), nn.Linear(40, 3))
for p in net.parameters():
    nn.init.zeros_(p)  # <- fault

criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
for epoch in range(25):
    total = 0.0
    for part in torch.randperm(800).split(40):
        optimizer.zero_grad()
        loss = criterion(net(X[part]), y[part])
        loss.backward()
        optimizer.step()
        total += loss.item() / 20
    if epoch % 4 == 0:
        print(f"epoch {epoch:2d}  loss {total:.4f}")
