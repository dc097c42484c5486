"""Position embeddings are a parameter (twin)."""
# expects: nothing
# style: class
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Reader(nn.Module):
    def __init__(self, width=24):
        super().__init__()
        self.embed = nn.Embedding(10, width)
        self.position = nn.Parameter(torch.randn(8, width))
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.out = nn.Linear(width, 10)

    def forward(self, x):
        h = self.embed(x) + self.position
        h = h + self.attention(h, h, h, need_weights=False)[0]
        return self.out(h[:, 0])


x = torch.randint(0, 10, (640, 8))
y = x[:, 5]
model = Reader()
optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(6):
    for rows in torch.randperm(640).split(64):
        loss = criterion(model(x[rows]), y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"epoch {epoch} loss {loss.item():.3f}")
