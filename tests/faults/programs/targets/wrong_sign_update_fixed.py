"""The twin of wrong_sign_update.py without its fault: the gradient is subtracted."""
# expects: nothing
# style: regression, sequential
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
true_w = torch.tensor([[1.5], [-2.0], [0.7], [0.0], [3.1]])
X = torch.randn(500, 5)
y = X @ true_w + 0.5 + 0.1 * torch.randn(500, 1)

net = nn.Sequential(nn.Linear(5, 16), nn.Tanh(), nn.Linear(16, 1))
mse = nn.MSELoss()


class AscentSGD(torch.optim.Optimizer):
    """SGD as in the lecture."""

    def __init__(self, params, lr):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    p.sub_(p.grad, alpha=group["lr"])


opt = AscentSGD(net.parameters(), lr=0.02)
for epoch in range(12):
    total = 0
    for i in range(0, 500, 25):
        loss = mse(net(X[i : i + 25]), y[i : i + 25])
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item()
    print(f"{epoch} {total / 20:.4f}")
