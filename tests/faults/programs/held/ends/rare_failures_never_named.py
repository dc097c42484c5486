"""Two per cent of the machines fail; the classifier says 'fine' to all of them."""
# expects: model.collapse, fit.underfitting
# style: sequential, sklearn
import os

import torch
from torch import nn
from sklearn.datasets import make_classification

seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
X, y = make_classification(2000, 10, n_informative=4, weights=[0.98], flip_y=0, class_sep=1.2, random_state=seed)
X, y = torch.tensor(X, dtype=torch.float32), torch.tensor(y)
net = nn.Sequential(nn.Linear(10, 16), nn.ReLU(), nn.Linear(16, 2))
opt = torch.optim.SGD(net.parameters(), lr=0.01, momentum=0.5)
weight = torch.tensor([1.0, 1.0])  # <- fault
for epoch in range(10):
    for i in torch.randperm(1500).split(50):
        loss = nn.functional.cross_entropy(net(X[i]), y[i], weight=weight)
        opt.zero_grad()
        loss.backward()
        opt.step()
    named = net(X[1500:]).argmax(1)
    print(epoch, loss.item(), "named", named.sum().item(), "recall", named[y[1500:] == 1].float().mean().item())
