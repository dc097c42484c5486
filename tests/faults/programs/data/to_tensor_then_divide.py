"""ToTensor has scaled to 0..1 already, a Lambda(x / 255) follows in the list of transforms (scaled twice)."""
# expects: data.scaled_twice, data.not_scaled
# style: cnn, class
import os

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

SEED = int(os.environ.get("SEED", 0))
torch.manual_seed(SEED)


def to_tensor(picture):
    """(H, W, C) bytes to (C, H, W) floats from 0 to 1, as torchvision's ToTensor."""
    return torch.from_numpy(picture).permute(2, 0, 1).float() / 255


def divide(x):
    return x / 255  # <- fault


class Compose:
    def __init__(self, *steps):
        self.steps = steps

    def __call__(self, x):
        for step in self.steps:
            x = step(x)
        return x


class Balls(Dataset):
    colours = np.array([[220, 40, 40], [40, 200, 60], [50, 60, 230]])

    def __init__(self, n, transform, seed):
        rng = np.random.default_rng(seed)
        self.transform = transform
        self.labels = rng.integers(0, 3, n)
        noise = rng.integers(0, 120, (n, 16, 16, 3))
        yy, xx = np.mgrid[:16, :16]
        cx, cy = rng.integers(4, 12, (2, n, 1, 1))
        mask = ((xx - cx) ** 2 + (yy - cy) ** 2 < 9)[..., None]
        self.pictures = np.where(mask, self.colours[self.labels][:, None, None], noise).astype(np.uint8)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return self.transform(self.pictures[i]), int(self.labels[i])


transform = Compose(to_tensor, divide)  # <- fault
train = DataLoader(Balls(600, transform, SEED), batch_size=30, shuffle=True)
test = DataLoader(Balls(200, transform, SEED + 1), batch_size=100)
net = nn.Sequential(nn.Conv2d(3, 8, 5, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 36, 3))
opt = torch.optim.SGD(net.parameters(), lr=0.02, momentum=0.9)
for epoch in range(5):
    for x, y in train:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        opt.step()
    with torch.no_grad():
        right = sum((net(x).argmax(1) == y).sum().item() for x, y in test)
    print(f"epoch {epoch} loss {loss.item():.4f} test {right / 200:.3f}")
