"""ReduceLROnPlateau watches the validation loss; the rate falls when nothing is gained any more."""
# expects: nothing
# style: scheduler, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Fit(nn.Module):
    def __init__(self):
        super().__init__()
        self.f = nn.Sequential(nn.Linear(4, 50), nn.SiLU(), nn.Linear(50, 1))

    def forward(self, x):
        return self.f(x).squeeze(-1)


x = torch.randn(1000, 4)
y = x[:, 0] * 0.7 + torch.tanh(x[:, 1] * x[:, 2]) + 0.1 * torch.randn(1000)
net = Fit()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
sched = torch.optim.lr_scheduler.ReduceLROnPlateau(opt, factor=0.5, patience=2)
for epoch in range(20):
    net.train()
    for rows in torch.randperm(800).split(40):
        loss = nn.functional.mse_loss(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        val = nn.functional.mse_loss(net(x[800:]), y[800:])
    sched.step(val)
    print(f"{epoch} {loss.item():.4f} {val.item():.4f} {opt.param_groups[0]['lr']:.1e}")
