"""The closure of L-BFGS does not clear the gradients of the call before (slip of users)."""
# expects: step.gradients_not_cleared
# style: regression
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(300, 6)
y = (x @ torch.randn(6, 1)).tanh()
model = nn.Sequential(nn.Linear(6, 10), nn.Tanh(), nn.Linear(10, 1))
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.2, max_iter=5)


def closure():
    loss = nn.functional.mse_loss(model(x), y)
    loss.backward()  # <- fault
    return loss


for step in range(20):
    loss = optimizer.step(closure)
    print(f"step {step} loss {loss.item():.4f}")
