"""model.eval() from a first test is never undone, so training runs without dropout and batch statistics (PL#14085, pt#4741)."""
# expects: model.wrong_mode
# style: class, cnn
import os

import torch
import torch.nn as nn
from sklearn.datasets import load_digits

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.BatchNorm2d(16), nn.ReLU(), nn.MaxPool2d(2))
        self.drop = nn.Dropout(0.3)
        self.fc = nn.Linear(16 * 16, 10)

    def forward(self, x):
        return self.fc(self.drop(self.conv(x).flatten(1)))


d = load_digits()
x, y = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 8 - 1, torch.tensor(d.target)
mix = torch.randperm(1797, generator=torch.Generator().manual_seed(2))
x, y = x[mix], y[mix]
model = Net()
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)


def evaluate():
    model.eval()  # <- fault
    with torch.no_grad():
        return (model(x[1400:]).argmax(1) == y[1400:]).float().mean().item()


print("before training", evaluate())
for epoch in range(6):
    for rows in torch.randperm(1400).split(50):
        optimizer.zero_grad()
        loss = criterion(model(x[rows]), y[rows])  # <- fault
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.3f} accuracy {evaluate():.3f}")
