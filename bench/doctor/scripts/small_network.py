"""A network so small that a step takes half a millisecond: what the doctor adds to each step shows most."""

import torch
from loop import timed
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
x = torch.randn(2048, 20)
y = x[:, :4].argmax(1)
model = nn.Sequential(nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
loader = DataLoader(TensorDataset(x, y), batch_size=32, shuffle=True)
criterion = nn.CrossEntropyLoss()


def train():
    for _ in range(150):  # 64 steps each
        model.train()
        for batch, labels in loader:
            optimizer.zero_grad()
            criterion(model(batch), labels).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = (model(x).argmax(1) == y).float().mean()
    print(f"accuracy {right:.3f}")


timed(train)
