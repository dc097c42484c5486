"""Slip of the notes: __init__ without super().__init__() raises at the first layer; there is nothing to train."""
# expects: nothing
# exit: 1
# style: class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class MLP(nn.Module):
    def __init__(self, hidden):
        self.hidden = nn.Linear(20, hidden)
        self.out = nn.Linear(hidden, 10)

    def forward(self, X):
        return self.out(torch.relu(self.hidden(X)))


net = MLP(256)
opt = torch.optim.SGD(net.parameters(), lr=0.1)
for epoch in range(3):
    X, y = torch.randn(100, 20), torch.randint(0, 10, (100,))
    loss = nn.functional.cross_entropy(net(X), y)
    opt.zero_grad()
    loss.backward()
    opt.step()
    print(epoch, loss.item())
