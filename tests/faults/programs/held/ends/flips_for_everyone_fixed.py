"""The twin of flips_for_everyone.py without its fault: a second dataset without the transform."""
# expects: nothing
# style: cnn, class
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Arrows(Dataset):
    def __init__(self, images, labels, transform=None):
        self.images, self.labels, self.transform = images, labels, transform

    def __len__(self):
        return len(self.images)

    def __getitem__(self, i):
        image = self.images[i]
        return (self.transform(image) if self.transform else image), self.labels[i]


def augment(image):
    if torch.rand(()) < 0.5:
        image = image.flip(-1)
    return image + 0.8 * torch.randn_like(image)


labels = torch.randint(0, 2, (400,))
images = 0.5 * torch.randn(400, 1, 8, 8)
images[labels == 1, :, :4] += 0.8
order = torch.randperm(400).tolist()
data = Arrows(images, labels, augment)
train = DataLoader(Subset(data, order[:300]), batch_size=30, shuffle=True)
val = DataLoader(Subset(Arrows(images, labels), order[300:]), batch_size=50)
net = nn.Sequential(nn.Conv2d(1, 6, 3), nn.ReLU(), nn.Flatten(), nn.Linear(216, 2))
opt = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(8):
    net.train()
    for x, y in train:
        loss = nn.functional.cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    net.eval()
    with torch.no_grad():
        print(epoch, sum(nn.functional.cross_entropy(net(x), y).item() for x, y in val) / 2)
