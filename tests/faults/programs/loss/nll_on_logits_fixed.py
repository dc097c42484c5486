"""The twin of nll_on_logits.py without its fault: log-softmax before the negative log-likelihood."""
# expects: nothing
# style: class
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Blobs(Dataset):
    def __init__(self, n, seed):
        g = torch.Generator().manual_seed(seed)
        centers = 3.0 * torch.randn(6, 10, generator=torch.Generator().manual_seed(42))
        self.y = torch.randint(0, 6, (n,), generator=g)
        self.x = centers[self.y] + 1.5 * torch.randn(n, 10, generator=g)
        self.x = self.x / 3.0

    def __len__(self):
        return len(self.y)

    def __getitem__(self, i):
        return self.x[i], self.y[i]


class Classifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(10, 40), nn.Tanh(), nn.Linear(40, 40), nn.Tanh())
        self.head = nn.Linear(40, 6)

    def forward(self, x):
        scores = self.head(self.body(x))
        return torch.log_softmax(scores, dim=1)


def accuracy(model, loader):
    model.eval()
    with torch.no_grad():
        hits = sum((model(x).argmax(1) == y).sum().item() for x, y in loader)
    return hits / len(loader.dataset)


model = Classifier()
train, test = DataLoader(Blobs(900, 1), 30, shuffle=True), DataLoader(Blobs(300, 2), 100)
criterion = nn.NLLLoss()
optimizer = torch.optim.SGD(model.parameters(), lr=0.05)
for epoch in range(8):
    model.train()
    for x, y in train:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch}: loss {loss.item():.3f}, accuracy {accuracy(model, test):.3f}")
