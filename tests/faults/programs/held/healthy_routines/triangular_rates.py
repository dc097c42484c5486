"""CyclicLR goes up and down three times, a step of the schedule for each batch."""
# expects: nothing
# style: scheduler, sequential
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(500, 7)
y = (x @ torch.randn(7, 3)).argmax(1)
net = nn.Sequential(nn.Linear(7, 32), nn.ReLU(), nn.Linear(32, 3))
opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.9)
cycle = torch.optim.lr_scheduler.CyclicLR(opt, 0.005, 0.2, step_size_up=50, cycle_momentum=False)
for epoch in range(30):
    for i in torch.randperm(500).split(50):
        loss = nn.functional.cross_entropy(net(x[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
        cycle.step()
    if epoch % 5 == 0:
        print(epoch, cycle.get_last_lr(), loss.item())
