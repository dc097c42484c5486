"""The twin of unscaled_targets_wine.py without its fault: standardised columns."""
# expects: nothing
# style: class, scheduler
import os

import torch
from sklearn.datasets import load_wine
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
wine = load_wine()
X = torch.tensor((wine.data - wine.data.mean(0)) / wine.data.std(0), dtype=torch.float32)
y = torch.tensor(wine.target)
order = torch.randperm(len(X), generator=torch.Generator().manual_seed(0))
train, test = order[:138], order[138:]


class WineNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden = nn.Linear(13, 20)
        self.out = nn.Linear(20, 3)

    def forward(self, x):
        return self.out(torch.sigmoid(self.hidden(x)))


net = WineNet()
optimizer = torch.optim.Adam(net.parameters(), lr=0.01)
scheduler = torch.optim.lr_scheduler.StepLR(optimizer, 20, gamma=0.5)
for epoch in range(40):
    for rows in train[torch.randperm(len(train))].split(23):
        loss = nn.functional.cross_entropy(net(X[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    scheduler.step()
    if epoch % 8 == 7:
        with torch.no_grad():
            acc = (net(X[test]).argmax(1) == y[test]).float().mean()
        print(f"epoch {epoch + 1} loss {loss.item():.3f} acc {acc:.3f}")
