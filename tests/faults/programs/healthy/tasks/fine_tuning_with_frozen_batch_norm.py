"""While fine-tuning, batch normalisation stays in eval() inside a network in train(): the usual advice for small batches."""
# expects: nothing
# style: cnn, class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(1, 12, 3), nn.BatchNorm2d(12), nn.ReLU(), nn.Conv2d(12, 12, 3), nn.BatchNorm2d(12), nn.ReLU())
        self.head = nn.Linear(12, classes)

    def forward(self, x):
        return self.head(self.body(x).mean((2, 3)))

    def train(self, mode=True):
        super().train(mode)
        if getattr(self, "freeze_norm", False):
            for m in self.modules():
                if isinstance(m, nn.BatchNorm2d):
                    m.eval()
                    m.requires_grad_(False)
        return self


def gratings(n, classes):
    k = torch.randint(0, classes, (n,))
    u = torch.arange(12.0)
    wave = torch.sin(u[None, :] * (0.6 + 0.5 * k[:, None]))
    return wave[:, None, None, :] + 0.4 * torch.randn(n, 1, 12, 12), k


def fit(net, x, y, opt, epochs, size):
    for epoch in range(epochs):
        net.train()
        for rows in torch.randperm(len(x)).split(size):
            loss = nn.functional.cross_entropy(net(x[rows]), y[rows])
            opt.zero_grad()
            loss.backward()
            opt.step()
        print(epoch, loss.item())


net = Net(3)
fit(net, *gratings(600, 3), torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9), 5, 40)
net.head, net.freeze_norm = nn.Linear(12, 4), True
net.train()
fit(net, *gratings(160, 4), torch.optim.SGD([p for p in net.parameters() if p.requires_grad], lr=0.05, momentum=0.9), 10, 16)
