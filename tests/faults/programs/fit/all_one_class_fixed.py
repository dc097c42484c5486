"""The twin of all_one_class.py without its fault: weights against the imbalance."""
# expects: nothing
# style: class
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
N = 2000
X = torch.randn(N, 6)
risk = X[:, 0] + 0.5 * X[:, 1] + 1.2 * torch.randn(N)
threshold = risk.sort().values[int(0.985 * N)]
y = (risk > threshold).long()
perm = torch.randperm(N)
X, y = X[perm], y[perm]
print("positives:", int(y.sum()), "of", N)


class Fraud(nn.Module):
    def __init__(self):
        super().__init__()
        self.lin1, self.lin2 = nn.Linear(6, 16), nn.Linear(16, 2)

    def forward(self, x):
        return self.lin2(torch.relu(self.lin1(x)))


model = Fraud()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
share = y[:1600].float().mean()
criterion = nn.CrossEntropyLoss(weight=torch.stack([0.5 / (1 - share), 0.5 / share]))
loader = DataLoader(TensorDataset(X[:1600], y[:1600]), batch_size=32, shuffle=True)
for epoch in range(8):
    model.train()
    for xb, yb in loader:
        optimizer.zero_grad()
        loss = criterion(model(xb), yb)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        guess = model(X[1600:]).argmax(1)
    print(f"epoch {epoch}: accuracy {(guess == y[1600:]).float().mean():.3f}, found {int(guess.sum())} of {int(y[1600:].sum())}")
