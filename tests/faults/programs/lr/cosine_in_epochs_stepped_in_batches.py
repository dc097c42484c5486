"""CosineAnnealingLR(T_max=epochs) stepped for each batch: the rate swings up and down (accelerate#2142)."""
# expects: lr.schedule_rhythm, loss.oscillates
# style: scheduler, class
import os

import torch
import torch.nn as nn
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Config:
    epochs = 10
    batch_size = 32
    lr = 0.1


class Spirals(nn.Module):
    def __init__(self):
        super().__init__()
        self.net = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 2))

    def forward(self, x):
        return self.net(x)


def get_data(n=1500):
    label = torch.randint(0, 2, (n,))
    r = torch.rand(n) ** 0.5 * 2
    phi = 2.0 * r + torch.pi * label
    return torch.stack([r * phi.cos(), r * phi.sin()], 1) + 0.05 * torch.randn(n, 2), label


x, y = get_data()
loader = DataLoader(TensorDataset(x, y), Config.batch_size, shuffle=True)
model = Spirals()
optimizer = optim.SGD(model.parameters(), lr=Config.lr, momentum=0.9)
scheduler = optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=Config.epochs)  # <- fault
criterion = nn.CrossEntropyLoss()
for epoch in range(Config.epochs):
    running = 0.0
    for inputs, labels in loader:
        optimizer.zero_grad()
        loss = criterion(model(inputs), labels)
        loss.backward()
        optimizer.step()
        scheduler.step()  # <- fault
        running += loss.item()
    print(f"epoch {epoch + 1}/{Config.epochs} loss {running / len(loader):.4f} lr {optimizer.param_groups[0]['lr']:.4f}")
