"""The head is replaced after the optimiser was made, so the new head never moves (forum 84911 in TrainCheck, accelerate#2665)."""
# expects: step.parameters_not_updated
# style: class
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Backbone(nn.Module):
    def __init__(self, num_classes):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(16, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, num_classes)

    def forward(self, x):
        return self.head(self.body(x))


def task(classes, n, seed):
    g = torch.Generator().manual_seed(seed)
    means = torch.randn(classes, 16, generator=torch.Generator().manual_seed(seed + classes))
    y = torch.randint(0, classes, (n,), generator=g)
    return means[y] + 0.7 * torch.randn(n, 16, generator=g), y


model = Backbone(num_classes=100)
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)  # <- fault
model.head = nn.Linear(64, 8)  # <- fault

x, y = task(8, 1000, 5)
criterion = nn.CrossEntropyLoss()
for epoch in range(8):
    model.train()
    for part in torch.randperm(800).split(32):
        optimizer.zero_grad()
        loss = criterion(model(x[part]), y[part])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        print(epoch, loss.item(), (model(x[800:]).argmax(1) == y[800:]).float().mean().item())
