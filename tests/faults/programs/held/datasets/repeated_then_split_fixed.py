"""The twin of repeated_then_split.py without its fault: first the cut, then the repeats."""
# expects: nothing
# style: class, sklearn
import os

import torch
from torch import nn
from torch.utils.data import ConcatDataset, DataLoader, TensorDataset, random_split

torch.manual_seed(int(os.environ.get("SEED", 0)))
X = torch.randn(300, 20)
y = (X[:, 0] + 0.3 * torch.randn(300) > 0).long()
train, val = random_split(TensorDataset(X, y), [240, 60])
train = ConcatDataset([train] * 4)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(20, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x):
        return self.f(x)


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(6):
    net.train()
    for xb, yb in DataLoader(train, batch_size=40, shuffle=True):
        loss = nn.functional.cross_entropy(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        right = sum((net(xb).argmax(1) == yb).sum().item() for xb, yb in DataLoader(val, batch_size=40))
    print(epoch, loss.item(), right / len(val))
