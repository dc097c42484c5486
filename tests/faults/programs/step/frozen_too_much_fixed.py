"""The twin of frozen_too_much.py without its fault: nothing is frozen."""
# expects: nothing
# style: class
import os
from collections import OrderedDict

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))

model = nn.Sequential(
    OrderedDict(
        fc_in=nn.Linear(10, 50), act_in=nn.ReLU(), fc_mid=nn.Linear(50, 50), act_mid=nn.ReLU(), norm=nn.LayerNorm(50), fc_out=nn.Linear(50, 4)
    )
)

protos = torch.randn(4, 10)
labels = torch.randint(0, 4, (800,))
data = protos[labels] + torch.randn(800, 10)
loader = DataLoader(TensorDataset(data, labels), batch_size=40, shuffle=True)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
for epoch in range(10):
    total = 0.0
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print("epoch", epoch, "loss", total / len(loader))
