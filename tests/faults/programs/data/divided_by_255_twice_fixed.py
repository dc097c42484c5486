"""The twin of divided_by_255_twice.py without its fault: only once."""
# expects: nothing
# style: sequential, functions
import os

import torch
from sklearn.datasets import load_digits
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


def load():
    bunch = load_digits()
    pixels = torch.tensor(bunch.images).mul(255 / 16).round().to(torch.uint8)
    return pixels.float() / 255, torch.tensor(bunch.target)


pictures, labels = load()
pick = torch.randperm(1797, generator=torch.Generator().manual_seed(11))
train_idx, val_idx = pick[:1400], pick[1400:]
model = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)


def prepare(batch):
    return batch


for epoch in range(15):
    running = 0.0
    for idx in train_idx[torch.randperm(1400)].split(70):
        loss = nn.functional.cross_entropy(model(prepare(pictures[idx])), labels[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        running += loss.item() / 20
    with torch.no_grad():
        hit = (model(prepare(pictures[val_idx])).argmax(1) == labels[val_idx]).float().mean()
    print(f"epoch {epoch} loss {running:.3f} val acc {hit:.3f}")
