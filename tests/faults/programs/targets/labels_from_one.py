"""Labels count from 1 and the network has one output more: class 0 never occurs (catalogue: dead class, off by one)."""
# expects: data.labels_out_of_range
# style: sequential
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", 0))
torch.manual_seed(SEED)

# months are stored as 1..12 in the file
month = torch.randint(1, 13, (1800,))
angle = 2 * torch.pi * (month - 1) / 12
weather = torch.stack([angle.cos(), angle.sin(), (2 * angle).cos(), (2 * angle).sin()], 1)
weather = weather + 0.1 * torch.randn_like(weather)

model = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 13))  # <- fault
train = DataLoader(TensorDataset(weather[:1500], month[:1500]), batch_size=50, shuffle=True)
criterion = nn.CrossEntropyLoss()
optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)

for epoch in range(10):
    for x, y in train:
        loss = criterion(model(x), y)  # <- fault
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        acc = (model(weather[1500:]).argmax(1) == month[1500:]).float().mean()
    print(f"epoch {epoch}: loss {loss:.3f} accuracy {acc:.3f}")
