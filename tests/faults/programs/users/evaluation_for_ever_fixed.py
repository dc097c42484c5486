"""evaluate() switches to evaluation mode inside the loop, and train() switches back (twin)."""
# expects: nothing
# style: class, cnn
import os

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
digits = load_digits()
data = TensorDataset(torch.tensor(digits.images, dtype=torch.float32)[:, None] / 16, torch.tensor(digits.target))
train, val = random_split(data, [1400, len(data) - 1400], generator=torch.Generator().manual_seed(seed))


class Experiment:
    def __init__(self):
        self.net = nn.Sequential(
            nn.Conv2d(1, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.Flatten(), nn.Dropout(0.2), nn.Linear(288, 10)
        )
        self.optimizer = torch.optim.RMSprop(self.net.parameters(), lr=1e-3)

    def evaluate(self, loader):
        self.net.eval()
        with torch.inference_mode():
            return sum((self.net(x).argmax(1) == y).sum().item() for x, y in loader) / len(loader.dataset)

    def train(self, loader, epochs):

        for epoch in range(epochs):
            self.net.train()
            for x, y in loader:
                loss = nn.functional.cross_entropy(self.net(x), y)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
            print(f"epoch {epoch} loss {loss.item():.3f} acc {self.evaluate(DataLoader(val, 200)):.3f}")


Experiment().train(DataLoader(train, 50, shuffle=True), 4)
