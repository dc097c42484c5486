"""A transformer of four layers on sequences of 32 tokens: many modules, much memory in activations."""

import torch
from loop import timed
from torch import nn

torch.manual_seed(0)
layer = nn.TransformerEncoderLayer(128, 4, 256, dropout=0.1, batch_first=True, norm_first=True)


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.token, self.position = nn.Embedding(64, 128), nn.Embedding(32, 128)
        self.body = nn.TransformerEncoder(layer, 4, enable_nested_tensor=False)
        self.head = nn.Linear(128, 64)

    def forward(self, x):
        return self.head(self.body(self.token(x) + self.position.weight))


model = Model()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)


def train():
    for _ in range(150):
        x = torch.randint(64, (16, 32))
        loss = nn.functional.cross_entropy(model(x).transpose(1, 2), x.flip(1))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    print(f"loss {loss.item():.3f}")


timed(train)
