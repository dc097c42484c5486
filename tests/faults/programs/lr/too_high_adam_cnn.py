"""Adam at 0.5 on a CNN: weights jump by half at the first step and the units die (DeepFD: learning rate)."""
# expects: lr.too_high, model.dead_units, model.collapse
# style: cnn, class
import os

import torch
import torch.nn as nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class LeNetish(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 6, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Conv2d(6, 12, 3), nn.ReLU()
        )
        self.classifier = nn.Sequential(nn.Linear(12 * 4 * 4, 32), nn.ReLU(), nn.Linear(32, 4))

    def forward(self, x):
        return self.classifier(torch.flatten(self.features(x), 1))


quadrant = torch.randint(0, 4, (900,))
pictures = 0.5 * torch.randn(900, 1, 12, 12)
for k in range(900):
    r, c = divmod(int(quadrant[k]), 2)
    pictures[k, 0, 6 * r + 1 : 6 * r + 5, 6 * c + 1 : 6 * c + 5] += 1.0

loader = DataLoader(TensorDataset(pictures[:700], quadrant[:700]), batch_size=35, shuffle=True)
net = LeNetish()
optim = torch.optim.Adam(net.parameters(), lr=0.5)  # <- fault
for epoch in range(6):
    total = 0.0
    for x, y in loader:
        optim.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optim.step()
        total += loss.item()
    print("epoch", epoch, "mean loss", total / len(loader))
