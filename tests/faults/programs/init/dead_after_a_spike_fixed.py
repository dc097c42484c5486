"""The twin of dead_after_a_spike.py without its fault: a rising warm-up."""
# expects: nothing
# style: class, scheduler
import os

import torch
from torch import nn
from torch.optim.lr_scheduler import LambdaLR

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden1 = nn.Linear(10, 64)
        self.hidden2 = nn.Linear(64, 64)
        self.out = nn.Linear(64, 4)

    def forward(self, x):
        x = torch.relu(self.hidden1(x))
        x = torch.relu(self.hidden2(x))
        return self.out(x)


x = torch.randn(1000, 10) + 0.5
y = (x @ torch.randn(10, 4)).argmax(1)
net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
sched = LambdaLR(opt, lambda step: min(1.0, (step + 1) / 10))
for epoch in range(8):
    total = 0.0
    for idx in torch.randperm(1000).split(50):
        loss = nn.functional.cross_entropy(net(x[idx]), y[idx])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        total += loss.item() / 20
    print(f"epoch {epoch} loss {total:.4f}")
