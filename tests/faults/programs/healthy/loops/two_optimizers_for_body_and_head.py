"""SGD for the body, Adam for the head; each clears its own gradients."""
# expects: nothing
# style: two_optimizers, class
import os
import torch
from torch import nn, optim

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU())
        self.head = nn.Linear(64, 5)

    def forward(self, x):
        return self.head(self.body(x))


y = torch.randint(0, 5, (1000,))
x = 1.1 * torch.randn(5, 12)[y] + torch.randn(1000, 12)
net = Net()
slow = optim.SGD(net.body.parameters(), lr=0.02, momentum=0.9)
fast = optim.Adam(net.head.parameters(), lr=5e-3)
for epoch in range(8):
    for rows in torch.randperm(800).split(40):
        loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
        for o in (slow, fast):
            o.zero_grad()
        loss.backward()
        for o in (slow, fast):
            o.step()
    print(epoch, loss.item())
