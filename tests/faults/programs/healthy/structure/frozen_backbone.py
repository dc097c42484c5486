"""A pretrained body is frozen, only the new head learns; the optimiser gets the head alone."""
# expects: nothing
# style: class, cnn
import os
import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
d = load_digits()
x, y = torch.tensor(d.images, dtype=torch.float32)[:, None] / 8 - 1, torch.tensor(d.target)


class Net(nn.Module):
    def __init__(self, out):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 16, 3), nn.ReLU(), nn.Flatten())
        self.head = nn.Linear(256, out)

    def forward(self, x):
        return self.head(self.body(x))


def run(net, opt, rows, labels, epochs):
    for epoch in range(epochs):
        for part in rows[torch.randperm(len(rows))].split(40):
            loss = nn.functional.cross_entropy(net(x[part]), labels[part])
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(epoch, loss.item())


everything = torch.arange(1797)
net = Net(2)
run(net, torch.optim.Adam(net.parameters(), lr=2e-3), everything[:900], (y % 2), 3)
for p in net.body.parameters():
    p.requires_grad_(False)
net.head = nn.Linear(256, 10)
run(net, torch.optim.Adam(net.head.parameters(), lr=5e-3), everything[900:], y, 5)
