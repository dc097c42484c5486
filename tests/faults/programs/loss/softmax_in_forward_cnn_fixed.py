"""The twin of softmax_in_forward_cnn.py without its fault: forward returns the scores."""
# expects: nothing
# style: cnn, class
import os

import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

SEED = int(os.environ.get("SEED", "0"))
torch.manual_seed(SEED)


def stripes(n):
    """Four kinds of stripes, 12x12, with noise."""
    y = torch.randint(0, 4, (n,))
    u = torch.arange(12.0)
    row, col = torch.meshgrid(u, u, indexing="ij")
    waves = torch.stack([torch.sin(row), torch.sin(col), torch.sin(row + col), torch.sin(row - col)])
    x = waves[y] + 1.5 * torch.randn(n, 12, 12)
    return x.unsqueeze(1), y


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.fc = nn.Linear(16 * 3 * 3, 4)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv1(x)), 2)
        x = F.max_pool2d(F.relu(self.conv2(x)), 2)
        x = self.fc(x.flatten(1))
        return x


def main():
    train = DataLoader(TensorDataset(*stripes(1024)), batch_size=32, shuffle=True)
    x_val, y_val = stripes(256)
    model = Net()
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9)
    for epoch in range(6):
        model.train()
        for step, (x, y) in enumerate(train):
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            val = criterion(model(x_val), y_val)
        print("epoch", epoch, "train loss", round(loss.item(), 4), "val loss", round(val.item(), 4))


if __name__ == "__main__":
    main()
