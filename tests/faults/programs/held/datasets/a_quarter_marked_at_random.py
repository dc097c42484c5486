"""A quarter of the digits carries a label drawn at random."""
# expects: data.label_noise, fit.overfitting
# style: sequential, sklearn
import os

import torch
from torch import nn
from sklearn.datasets import load_digits

torch.manual_seed(int(os.environ.get("SEED", 0)))
X, y = load_digits(return_X_y=True)
X, y = torch.tensor(X / 16, dtype=torch.float32), torch.tensor(y)
careless = torch.rand(len(y)) < 0.25
y = torch.where(careless, torch.randint(0, 10, y.shape), y)  # <- fault
mix = torch.randperm(len(y))
train, val = mix[:1300], mix[1300:]
net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(15):
    for i in train[torch.randperm(1300)].split(50):
        loss = nn.functional.cross_entropy(net(X[i]), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        print(epoch, loss.item(), nn.functional.cross_entropy(net(X[val]), y[val]).item())
