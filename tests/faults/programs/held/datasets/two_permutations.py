"""Digits and their labels are shuffled, each by a permutation of its own."""
# expects: data.labels_shuffled, fit.underfitting
# style: functions, sklearn
import os

import torch
from torch import nn
from sklearn.datasets import load_digits

torch.manual_seed(int(os.environ.get("SEED", 0)))
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y)
order = torch.randperm(len(X))
X, y = X[order], y[torch.randperm(len(y))]  # <- fault
w1, w2 = nn.Linear(64, 64), nn.Linear(64, 10)
opt = torch.optim.Adam([*w1.parameters(), *w2.parameters()], lr=3e-3)
for epoch in range(15):
    for i in torch.randperm(1400).split(50):
        loss = nn.functional.cross_entropy(w2(w1(X[i]).relu()), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        scores = w2(w1(X[1400:]).relu())
        val = nn.functional.cross_entropy(scores, y[1400:])
        print(epoch, loss.item(), val.item(), (scores.argmax(1) == y[1400:]).float().mean().item())
