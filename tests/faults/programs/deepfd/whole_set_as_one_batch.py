"""All 1,000 rows are one batch and there are 15 epochs, so 15 steps in all (DeepFD: batch size and epochs)."""
# expects: fit.underfitting, lr.too_low
# style: class
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
label = torch.randint(0, 6, (1000,))
x = 1.3 * torch.randn(6, 16)[label] + torch.randn(1000, 16)
BATCH = 1000  # <- fault
loader = DataLoader(TensorDataset(x, label), batch_size=BATCH, shuffle=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(16, 48), nn.Linear(48, 48), nn.Linear(48, 6)

    def forward(self, x):
        return self.c(torch.relu(self.b(torch.relu(self.a(x)))))


model, criterion = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02)
for epoch in range(15):  # <- fault
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: {loss.item():.4f}")
