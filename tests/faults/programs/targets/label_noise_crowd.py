"""A third of the training labels was clicked at random (catalogue: label noise)."""
# expects: data.label_noise, fit.overfitting
# style: class
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
centres = 2.5 * torch.randn(5, 8)
truth = torch.randint(0, 5, (1600,))
points = centres[truth] + torch.randn(1600, 8)
points = points / points.std()
marked = truth.clone()
careless = torch.rand(1600) < 0.33  # <- fault
marked[careless] = torch.randint(0, 5, (int(careless.sum()),))  # <- fault


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a = nn.Linear(8, 64)
        self.b = nn.Linear(64, 5)

    def forward(self, x):
        return self.b(self.a(x).relu())


net = Net()
opt = torch.optim.Adam(net.parameters(), lr=0.005)
loss_fn = nn.CrossEntropyLoss()
train = DataLoader(TensorDataset(points[:1200], marked[:1200]), 40, shuffle=True)
held = TensorDataset(points[1200:], marked[1200:])
for epoch in range(12):
    for x, y in train:
        opt.zero_grad()
        loss = loss_fn(net(x), y)
        loss.backward()
        opt.step()
    with torch.no_grad():
        x, y = held.tensors
        print(f"epoch {epoch}: train {loss.item():.3f}, held out {loss_fn(net(x), y):.3f}")
