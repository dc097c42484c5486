"""One nn.Linear, zeroed, with BCEWithLogits: no hidden layer whose units would have to differ."""
# expects: nothing
# style: class
import os
import torch
from torch import nn
from sklearn.datasets import load_breast_cancer

torch.manual_seed(int(os.environ.get("SEED", 0)))
d = load_breast_cancer()
perm = torch.randperm(len(d.target), generator=torch.Generator().manual_seed(0))
X = torch.tensor(d.data, dtype=torch.float32)[perm]
y = torch.tensor(d.target, dtype=torch.float32)[perm]
X = (X - X[:400].mean(0)) / X[:400].std(0)


class Logistic(nn.Module):
    def __init__(self, d):
        super().__init__()
        self.linear = nn.Linear(d, 1)
        nn.init.zeros_(self.linear.weight)
        nn.init.zeros_(self.linear.bias)

    def forward(self, x):
        return self.linear(x).squeeze(1)


net = Logistic(30)
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
bce = nn.BCEWithLogitsLoss()
for epoch in range(12):
    for rows in torch.randperm(400).split(40):
        opt.zero_grad()
        loss = bce(net(X[rows]), y[rows])
        loss.backward()
        opt.step()
    with torch.no_grad():
        out = net(X[400:])
    print(epoch, f"val loss {bce(out, y[400:]).item():.3f} acc {((out > 0) == y[400:].bool()).float().mean():.3f}")
