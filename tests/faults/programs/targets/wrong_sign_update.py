"""Plain SGD written by hand adds the gradient: the loss climbs (catalogue: update·(-grad) < 0)."""
# expects: loss.wrong_sign, lr.too_high, loss.not_finite
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
                    p.add_(p.grad, alpha=group["lr"])  # <- fault


opt = AscentSGD(net.parameters(), lr=0.02)
for epoch in range(12):
    total = 0
    for i in range(0, 500, 25):
        loss = mse(net(X[i : i + 25]), y[i : i + 25])
        opt.zero_grad()
        loss.backward()
        opt.step()  # <- fault
        total += loss.item()
    print(f"{epoch} {total / 20:.4f}")
