"""A dataset divides bytes by 255, and so does the network."""
# expects: data.scaled_twice, fit.underfitting, lr.too_low
# style: cnn, class
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Crosses(Dataset):
    def __init__(self, n):
        self.kind = torch.randint(0, 3, (n,))
        img = torch.randint(0, 90, (n, 1, 10, 10))
        for i, k in enumerate(self.kind.tolist()):
            img[i, 0, 2 + 3 * k, :] += 150
        self.img = img.to(torch.uint8)

    def __len__(self):
        return len(self.img)

    def __getitem__(self, i):
        return self.img[i].float() / 255, self.kind[i]


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv, self.fc = nn.Conv2d(1, 8, 3), nn.Linear(512, 3)

    def forward(self, x):
        x = x / 255  # <- fault
        return self.fc(self.conv(x).relu().flatten(1))


net = Net()
opt = torch.optim.SGD(net.parameters(), lr=0.05, momentum=0.9)
loader = DataLoader(Crosses(400), batch_size=40, shuffle=True)
for epoch in range(8):
    for img, kind in loader:
        opt.zero_grad()
        loss = nn.functional.cross_entropy(net(img), kind)
        loss.backward()
        opt.step()
    print(epoch, loss.item())
