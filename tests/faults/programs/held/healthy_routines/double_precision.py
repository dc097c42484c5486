"""Everything in float64, as numerical people like it; gradients are kept as zeros, not None."""
# expects: nothing
# style: functions, sklearn
import os

import torch
from torch import nn
from sklearn.datasets import load_diabetes

torch.set_default_dtype(torch.float64)
torch.manual_seed(int(os.environ.get("SEED", 0)))
X, y = load_diabetes(return_X_y=True)
X, y = torch.from_numpy(X * 21), torch.from_numpy((y - y.mean()) / y.std())
w, b = torch.zeros(10, requires_grad=True), torch.zeros(1, requires_grad=True)
opt = torch.optim.SGD([w, b], lr=0.03)
for epoch in range(20):
    for i in torch.randperm(442).split(34):
        opt.zero_grad(set_to_none=False)
        loss = ((X[i] @ w + b - y[i]) ** 2).mean() + 1e-3 * w.square().sum()
        loss.backward()
        opt.step()
print("R2", 1 - ((X @ w + b - y) ** 2).mean().item())
