"""The twin of labels_shuffled_in_dataset.py without its fault: one permutation for both."""
# expects: nothing
# style: cnn, class
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

SEED = int(os.environ.get("SEED", 0))


class Shapes(Dataset):
    """Crosses, bars and dots of 9x9 pixels."""

    def __init__(self, n=900, seed=0):
        g = torch.Generator().manual_seed(seed)
        self.labels = torch.arange(n) % 3
        self.images = 0.3 * torch.randn(n, 1, 9, 9, generator=g)
        for i, c in enumerate(self.labels.tolist()):
            r, q = torch.randint(2, 7, (2,), generator=g).tolist()
            if c == 0:
                self.images[i, 0, r, q - 2 : q + 3] += 1
                self.images[i, 0, r - 2 : r + 3, q] += 1
            elif c == 1:
                self.images[i, 0, r] += 1
            else:
                self.images[i, 0, r - 1 : r + 1, q - 1 : q + 1] += 1.5
        order = torch.randperm(n, generator=g)
        self.images, self.labels = self.images[order], self.labels[order]

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.images[index], self.labels[index]


if __name__ == "__main__":
    torch.manual_seed(SEED)
    data = Shapes(seed=SEED)
    loader = DataLoader(Subset(data, range(700)), batch_size=35, shuffle=True)
    val = DataLoader(Subset(data, range(700, 900)), batch_size=100)
    model = nn.Sequential(
        nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(3), nn.Flatten(), nn.Linear(144, 64), nn.ReLU(), nn.Linear(64, 3)
    )
    criterion, optimizer = nn.CrossEntropyLoss(), torch.optim.Adam(model.parameters(), 1e-3)
    for epoch in range(12):
        for x, y in loader:
            optimizer.zero_grad()
            loss = criterion(model(x), y)
            loss.backward()
            optimizer.step()
        with torch.no_grad():
            right = sum((model(x).argmax(1) == y).sum().item() for x, y in val)
        print(f"epoch {epoch}: last loss {loss.item():.3f}, validation accuracy {right / 200:.3f}")
