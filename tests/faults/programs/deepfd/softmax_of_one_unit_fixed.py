"""The twin of softmax_of_one_unit.py without its fault: a sigmoid."""
# expects: nothing
# style: sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
bmi = 22 + 5 * torch.randn(600)
age = 50 + 15 * torch.randn(600)
glucose = 100 + 20 * torch.randn(600)
X = torch.stack([(bmi - 22) / 5, (age - 50) / 15, (glucose - 100) / 20], 1)
y = ((X @ torch.tensor([0.8, 0.5, 1.5])) + 0.3 * torch.randn(600) > 0).float().unsqueeze(1)

model = nn.Sequential(
    nn.Linear(3, 12),
    nn.ReLU(),
    nn.Linear(12, 8),
    nn.ReLU(),
    nn.Linear(8, 1),
    nn.Sigmoid(),
)
criterion = nn.BCELoss()
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
for epoch in range(20):
    for i in range(0, 500, 25):
        optimizer.zero_grad()
        loss = criterion(model(X[i : i + 25]), y[i : i + 25])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        hit = ((model(X[500:]) > 0.5).float() == y[500:]).float().mean()
    print(f"epoch {epoch} loss {loss.item():.3f} acc {hit:.3f}")
