"""A CNN under SGD at 1e-5 without momentum; after eight epochs it still guesses (DeepFD: rate; Stack Overflow, many times)."""
# expects: lr.too_low, fit.underfitting
# style: cnn, class
import os
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Small(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 16, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(1))
        self.head = nn.Linear(16, 3)

    def forward(self, x):
        return self.head(self.body(x).flatten(1))


hue = torch.randint(0, 3, (480,))
x = 0.5 * torch.randn(480, 3, 12, 12)
x[torch.arange(480), hue, 3:9, 3:9] += 1.0
model, criterion = Small(), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=1e-5)  # <- fault
loader = DataLoader(TensorDataset(x, hue), batch_size=24, shuffle=True)
for epoch in range(6):
    seen = 0.0
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
        seen += loss.item()
    print(f"epoch {epoch + 1}: {seen / len(loader):.5f}")
