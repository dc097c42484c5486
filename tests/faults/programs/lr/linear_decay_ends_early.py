"""The decay counts on a tenth of the steps: for most of the training the rate is zero (trainproof: lr=0)."""
# expects: lr.zero, lr.schedule_rhythm
# style: scheduler, sequential
import os

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
X = torch.rand(1200, 8) * 2 - 1
Y = torch.stack([(X**2).sum(1), X[:, 0] * X[:, 1]], 1)
Y = (Y - Y.mean(0)) / Y.std(0)
loader = DataLoader(TensorDataset(X, Y), batch_size=24, shuffle=True)

EPOCHS = 10
model = nn.Sequential(nn.Linear(8, 64), nn.SiLU(), nn.Linear(64, 2))
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
total_steps = len(loader)  # <- fault
scheduler = LambdaLR(optimizer, lambda step: max(0.0, 1.0 - step / total_steps))  # <- fault
for epoch in range(EPOCHS):
    for x, y in loader:
        loss = nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()
    print(f"epoch {epoch} loss {loss.item():.4f} lr {scheduler.get_last_lr()[0]:.2e}")
