"""The validation pass runs in training mode: dropout is active, its loss is too high and not reproducible (transformers#33844)."""
# expects: model.wrong_mode
# style: sequential, functions
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
topic = torch.randint(0, 6, (1200,))
words = torch.poisson(0.3 + 2.0 * torch.rand(6, 40))
bags = torch.poisson(words[topic] * 0.7 + 0.2)
bags = torch.log1p(bags)
bags = (bags - bags.mean()) / bags.std()
train = DataLoader(TensorDataset(bags[:900], topic[:900]), batch_size=30, shuffle=True)
val = DataLoader(TensorDataset(bags[900:], topic[900:]), batch_size=100)

model = nn.Sequential(nn.Linear(40, 64), nn.ReLU(), nn.Dropout(0.6), nn.Linear(64, 6))
optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
loss_fn = nn.CrossEntropyLoss()


def validate():
    with torch.no_grad():
        return sum(loss_fn(model(x), y).item() for x, y in val) / len(val)  # <- fault


for epoch in range(8):
    model.train()
    for x, y in train:
        loss = loss_fn(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: train {loss.item():.4f} val {validate():.4f}")
