"""CosineAnnealingWarmRestarts, stepped with the fraction of the epoch: the rate rises again on purpose."""
# expects: nothing
# style: scheduler, regression
import os
import torch
from torch import nn
from torch.optim.lr_scheduler import CosineAnnealingWarmRestarts

torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.rand(800, 3) * 2 - 1
y = torch.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:]
net = nn.Sequential(nn.Linear(3, 48), nn.ReLU(), nn.Linear(48, 48), nn.ReLU(), nn.Linear(48, 1))
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
sched = CosineAnnealingWarmRestarts(opt, T_0=5, T_mult=1)
batches = 20
for epoch in range(15):
    for i, rows in enumerate(torch.randperm(800).split(40)):
        loss = nn.functional.mse_loss(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step(epoch + (i + 1) / batches)
    print(epoch, loss.item(), opt.param_groups[0]["lr"])
