"""LeNet on images of 28 × 28 in Fashion-MNIST's shape, batches of 64."""

import torch
from loop import timed
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
y = torch.arange(6400) % 10
x = torch.randn(6400, 1, 28, 28) + nn.functional.one_hot(y, 28).float()[:, None, :, None]
model = nn.Sequential(
    *(nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2)),
    *(nn.Flatten(), nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10)),
)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
train_loader = DataLoader(TensorDataset(x[:5760], y[:5760]), batch_size=64, shuffle=True)
val_loader = DataLoader(TensorDataset(x[5760:], y[5760:]), batch_size=64)


def train():
    for _ in range(10):  # 90 steps each
        model.train()
        for batch, labels in train_loader:
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(batch), labels).backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            right = sum((model(batch).argmax(1) == labels).sum().item() for batch, labels in val_loader)
    print(f"accuracy {right / 640:.3f}")


timed(train)
