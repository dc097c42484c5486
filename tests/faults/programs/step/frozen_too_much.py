"""Freezing by name catches more than was meant: 'fc' is also in 'fc_out' (catalogue: frozen by mistake)."""
# expects: step.parameters_not_updated, fit.underfitting
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
# train the output layer first and leave the rest alone
for name, parameter in model.named_parameters():
    if name.startswith("fc"):
        parameter.requires_grad = False  # <- fault

protos = torch.randn(4, 10)
labels = torch.randint(0, 4, (800,))
data = protos[labels] + torch.randn(800, 10)
loader = DataLoader(TensorDataset(data, labels), batch_size=40, shuffle=True)
optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)  # <- fault
for epoch in range(10):
    total = 0.0
    for x, y in loader:
        loss = nn.functional.cross_entropy(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        total += loss.item()
    print("epoch", epoch, "loss", total / len(loader))
