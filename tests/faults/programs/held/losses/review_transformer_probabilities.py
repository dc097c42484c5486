"""A small transformer for token sequences whose head ends in probabilities."""
# expects: loss.softmax_before_cross_entropy
# style: class, transformer
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
VOCAB, LENGTH = 20, 12
tokens = torch.randint(0, VOCAB, (900, LENGTH))
label = (tokens < 5).sum(1).clamp(1, 5) - 1  # how many good words


class Reviews(nn.Module):
    def __init__(self, d=32):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, d)
        self.place = nn.Parameter(0.02 * torch.randn(LENGTH, d))
        self.block = nn.TransformerEncoderLayer(d, 4, 64, dropout=0.0, batch_first=True)
        self.head = nn.Linear(d, 5)

    def forward(self, ids):
        h = self.block(self.embed(ids) + self.place).mean(1)
        return self.head(h).softmax(-1)  # <- fault


model = Reviews()
optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(12):
    for idx in torch.randperm(700).split(50):
        loss = criterion(model(tokens[idx]), label[idx])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
with torch.no_grad():
    test = model(tokens[700:])
    print("accuracy", (test.argmax(1) == label[700:]).float().mean().item())
