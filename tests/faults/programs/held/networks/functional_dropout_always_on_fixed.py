"""The twin of functional_dropout_always_on.py without its fault: training is passed on."""
# expects: nothing
# style: class, sklearn
import os

import torch
from torch import nn
import torch.nn.functional as F
from sklearn.datasets import load_breast_cancer

torch.manual_seed(int(os.environ.get("SEED", 0)))
X, y = load_breast_cancer(return_X_y=True)
X = torch.tensor((X - X.mean(0)) / X.std(0), dtype=torch.float32)
y = torch.tensor(y, dtype=torch.float32)


class Tumour(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(30, 32), nn.Linear(32, 1)

    def forward(self, x):
        x = F.dropout(F.relu(self.a(x)), 0.6, training=self.training)
        return self.b(x).squeeze(1)


net = Tumour()
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(12):
    net.train()
    for i in torch.randperm(400).split(40):
        loss = F.binary_cross_entropy_with_logits(net(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        val = [F.binary_cross_entropy_with_logits(net(X[400:]), y[400:]).item() for _ in range(2)]
    print(epoch, val)
