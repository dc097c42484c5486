"""The twin of whole_set_as_one_batch.py without its fault: batches of 20 and momentum."""
# expects: nothing
# style: class
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
label = torch.randint(0, 6, (1000,))
x = 1.3 * torch.randn(6, 16)[label] + torch.randn(1000, 16)
BATCH = 20
loader = DataLoader(TensorDataset(x, label), batch_size=BATCH, shuffle=True)


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b, self.c = nn.Linear(16, 48), nn.Linear(48, 48), nn.Linear(48, 6)

    def forward(self, x):
        return self.c(torch.relu(self.b(torch.relu(self.a(x)))))


model, criterion = Net(), nn.CrossEntropyLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.02, momentum=0.9)
for epoch in range(15):
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: {loss.item():.4f}")
