"""A Trainer class with a dataclass of settings, for a small transformer; its update forgets zero_grad (slip of users)."""
# expects: step.gradients_not_cleared
# style: class, scheduler
import os
from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.data import DataLoader, Dataset


@dataclass
class Settings:
    epochs: int = 4
    lr: float = 1e-3
    width: int = 32


class Sequences(Dataset):
    def __init__(self, number, seed):
        draw = torch.Generator().manual_seed(seed)
        self.x = torch.randint(0, 12, (number, 10), generator=draw)
        self.y = (self.x == 3).sum(1).clamp(max=2)

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        return {"tokens": self.x[i], "label": self.y[i]}


class Encoder(nn.Module):
    def __init__(self, width):
        super().__init__()
        self.embed = nn.Embedding(12, width)
        layer = nn.TransformerEncoderLayer(width, 4, 2 * width, dropout=0.0, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(width, 3)

    def forward(self, tokens):
        return self.head(self.encoder(self.embed(tokens)).mean(1))


class Trainer:
    def __init__(self, settings):
        self.settings = settings
        self.model = Encoder(settings.width)
        self.optimizer = torch.optim.AdamW(self.model.parameters(), lr=settings.lr, weight_decay=0.0)
        self.criterion = nn.CrossEntropyLoss()

    def update(self, batch):
        loss = self.criterion(self.model(batch["tokens"]), batch["label"])
        loss.backward()
        self.optimizer.step()  # <- fault
        return loss.detach()

    def fit(self, loader):
        for epoch in range(self.settings.epochs):
            self.model.train()
            losses = [self.update(batch) for batch in loader]
            print(f"epoch {epoch} loss {torch.stack(losses).mean():.3f}")


seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
Trainer(Settings()).fit(DataLoader(Sequences(512, seed), 32, shuffle=True))
