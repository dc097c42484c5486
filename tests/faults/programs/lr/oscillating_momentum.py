"""A rate at the edge with momentum 0.95: the loss swings and does not settle (AutoTrainer: oscillating loss)."""
# expects: loss.oscillates, lr.too_high
# style: regression, class
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Regressor(nn.Module):
    def __init__(self, inputs):
        super().__init__()
        self.fc1 = nn.Linear(inputs, 32)
        self.fc2 = nn.Linear(32, 1)

    def forward(self, x):
        return self.fc2(torch.tanh(self.fc1(x))).squeeze(-1)


x = torch.randn(600, 5)
y = x[:, 0] - 0.5 * x[:, 1] + torch.sin(x[:, 2]) + 0.05 * torch.randn(600)
model = Regressor(5)
optimizer = torch.optim.SGD(model.parameters(), lr=0.15, momentum=0.95)  # <- fault
for epoch in range(30):
    for idx in torch.randperm(500).split(50):
        optimizer.zero_grad()
        loss = nn.functional.mse_loss(model(x[idx]), y[idx])
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        val = nn.functional.mse_loss(model(x[500:]), y[500:]).item()
    print(f"epoch {epoch} val mse {val:.4f}")
