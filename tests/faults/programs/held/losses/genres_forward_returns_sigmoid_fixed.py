"""The twin of genres_forward_returns_sigmoid.py without its fault: forward returns scores."""
# expects: nothing
# style: class, multilabel
import os
import torch
import torch.nn as nn
from torch.utils.data import DataLoader, Dataset

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Films(Dataset):
    def __init__(self, n):
        self.plot = torch.randn(n, 24)
        rule = torch.randn(24, 8, generator=torch.Generator().manual_seed(5))
        self.genres = (self.plot @ rule > 4).float()

    def __len__(self):
        return len(self.plot)

    def __getitem__(self, i):
        return {"plot": self.plot[i], "genres": self.genres[i]}


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.a, self.b = nn.Linear(24, 64), nn.Linear(64, 8)

    def forward(self, plot):
        scores = self.b(nn.functional.gelu(self.a(plot)))
        return scores


tagger = Tagger()
adam = torch.optim.Adam(tagger.parameters(), lr=3e-3)
loss_fn = nn.BCEWithLogitsLoss()
for epoch in range(10):
    total = 0.0
    for batch in DataLoader(Films(800), batch_size=40, shuffle=True):
        adam.zero_grad()
        loss = loss_fn(tagger(batch["plot"]), batch["genres"])
        loss.backward()
        adam.step()
        total += loss.item() / 20
    print(f"{epoch} {total:.4f}")
