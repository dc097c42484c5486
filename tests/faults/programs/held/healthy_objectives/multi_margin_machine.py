"""A linear support vector machine by multi_margin_loss, with decay as its regulariser; the loss reaches exact zeros."""
# expects: nothing
# style: functions, sklearn
import os

import torch
from torch import nn
from sklearn.datasets import load_iris

torch.manual_seed(int(os.environ.get("SEED", 0)))
X, y = load_iris(return_X_y=True)
X, y = torch.tensor((X - X.mean(0)) / X.std(0)).float(), torch.tensor(y)
svm = nn.Linear(4, 3)
opt = torch.optim.SGD(svm.parameters(), lr=0.1, weight_decay=1e-3)
for epoch in range(30):
    for i in torch.randperm(150).split(15):
        opt.zero_grad()
        loss = nn.functional.multi_margin_loss(svm(X[i]), y[i])
        loss.backward()
        opt.step()
print("accuracy", (svm(X).argmax(1) == y).float().mean().item())
