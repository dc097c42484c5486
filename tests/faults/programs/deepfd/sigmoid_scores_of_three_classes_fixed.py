"""The twin of sigmoid_scores_of_three_classes.py without its fault: the scores themselves."""
# expects: nothing
# style: class
import os

import torch
from sklearn.datasets import load_iris
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
iris = load_iris()
X = torch.tensor((iris.data - iris.data.mean(0)) / iris.data.std(0), dtype=torch.float32)
y = torch.tensor(iris.target)
order = torch.randperm(150, generator=torch.Generator().manual_seed(3))
loader = DataLoader(TensorDataset(X[order[:120]], y[order[:120]]), batch_size=12, shuffle=True)


class IrisNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer1 = nn.Linear(4, 16)
        self.layer2 = nn.Linear(16, 3)

    def forward(self, x):
        x = torch.tanh(self.layer1(x))
        return self.layer2(x)


net = IrisNet()
loss_fn = nn.CrossEntropyLoss()
opt = torch.optim.Adam(net.parameters(), lr=0.02)
for epoch in range(40):
    total = 0.0
    for xb, yb in loader:
        loss = loss_fn(net(xb), yb)
        opt.zero_grad()
        loss.backward()
        opt.step()
        total += loss.item() / len(loader)
    if epoch % 5 == 4:
        print(epoch + 1, f"{total:.4f}", (net(X[order[120:]]).argmax(1) == y[order[120:]]).float().mean().item())
