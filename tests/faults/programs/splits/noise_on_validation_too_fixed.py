"""The twin of noise_on_validation_too.py without its fault: two data sets over the same images."""
# expects: nothing
# style: cnn, class
import os
import random

import torch
import torch.nn as nn
from sklearn.datasets import load_digits
from torch.utils.data import DataLoader, Dataset, random_split

SEED = int(os.environ.get("SEED", 0))
random.seed(SEED)
torch.manual_seed(SEED)


class Digits(Dataset):
    def __init__(self, augment=False):
        d = load_digits()
        self.images = torch.tensor(d.images, dtype=torch.float32).unsqueeze(1) / 8 - 1
        self.targets = torch.tensor(d.target)
        self.augment = augment

    def __len__(self):
        return len(self.targets)

    def __getitem__(self, i):
        image = self.images[i]
        if self.augment:
            shift = (random.randint(-1, 1), random.randint(-1, 1))
            image = torch.roll(image, shift, dims=(1, 2)) + 0.1 * torch.randn_like(image)
        return image, self.targets[i]


net = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(256, 10)
)
dataset = Digits(augment=True)
train, val = random_split(dataset, [1400, 397], generator=torch.Generator().manual_seed(0))
val = torch.utils.data.Subset(Digits(augment=False), val.indices)
opt = torch.optim.Adam(net.parameters(), lr=3e-3)
for epoch in range(6):
    net.train()
    for x, y in DataLoader(train, batch_size=50, shuffle=True):
        loss = nn.functional.cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        hits = sum((net(x).argmax(1) == y).sum().item() for x, y in DataLoader(val, batch_size=397))
    print(f"epoch {epoch} loss {loss.item():.3f} val acc {hits / 397:.3f}")
