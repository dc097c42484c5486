"""Poisson regression of counts with L-BFGS: a closure that clears, full batch, a line search."""
# expects: nothing
# style: regression
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(500, 5)
rate = (x @ torch.tensor([0.5, -0.4, 0.3, 0.0, 0.2]) + 0.7).exp()
count = torch.poisson(rate)
model = nn.Linear(5, 1)
criterion = nn.PoissonNLLLoss(log_input=True)
optimizer = torch.optim.LBFGS(model.parameters(), lr=0.5, max_iter=4, line_search_fn="strong_wolfe")


def closure():
    optimizer.zero_grad()
    loss = criterion(model(x).squeeze(1), count)
    loss.backward()
    return loss


for step in range(15):
    loss = optimizer.step(closure)
print("loss", loss.item(), model.weight.tolist())
