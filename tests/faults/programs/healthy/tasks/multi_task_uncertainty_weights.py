"""Two tasks weighed by learned log-variances (Kendall 2018): extra parameters outside of the network, loss may be negative."""
# expects: nothing
# style: class, regression
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Tasks(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(6, 48), nn.ReLU())
        self.a, self.b = nn.Linear(48, 1), nn.Linear(48, 1)

    def forward(self, x):
        h = self.body(x)
        return self.a(h), self.b(h)


x = torch.randn(800, 6)
ya = x[:, :1] + 0.1 * torch.randn(800, 1)
yb = x[:, 1:2].abs() - 0.8 + 0.3 * torch.randn(800, 1)
net, log_var = Tasks(), nn.Parameter(torch.zeros(2))
opt = torch.optim.Adam([*net.parameters(), log_var], lr=1e-2)
for epoch in range(12):
    for rows in torch.randperm(800).split(40):
        a, b = net(x[rows])
        errors = torch.stack([nn.functional.mse_loss(a, ya[rows]), nn.functional.mse_loss(b, yb[rows])])
        loss = (errors * (-log_var).exp() + log_var).sum()
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item(), errors.tolist())
