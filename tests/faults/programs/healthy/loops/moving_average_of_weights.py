"""An exponential moving average of the weights is evaluated; its copy gets no gradient and is not in the optimiser."""
# expects: nothing
# style: class
import copy
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
y = torch.randint(0, 6, (900,))
x = 1.2 * torch.randn(6, 14)[y] + torch.randn(900, 14)
net = nn.Sequential(nn.Linear(14, 64), nn.ReLU(), nn.Linear(64, 6))
average = copy.deepcopy(net).requires_grad_(False)
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
for epoch in range(8):
    for rows in torch.randperm(700).split(35):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        with torch.no_grad():
            for slow, fast in zip(average.parameters(), net.parameters()):
                slow.lerp_(fast, 0.05)
    with torch.no_grad():
        print(epoch, loss.item(), nn.functional.cross_entropy(average(x[700:]), y[700:]).item())
