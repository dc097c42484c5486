"""The twin of softmax_over_the_batch.py without its fault: over the keys."""
# expects: nothing
# style: class
import os
import math
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Attend(nn.Module):
    def __init__(self, d=16):
        super().__init__()
        self.q, self.k, self.v = nn.Linear(d, d), nn.Linear(d, d), nn.Linear(d, d)
        self.scale = math.sqrt(d)

    def forward(self, x):
        scores = self.q(x) @ self.k(x).transpose(1, 2) / self.scale
        return torch.softmax(scores, dim=-1) @ self.v(x)


class Model(nn.Module):
    def __init__(self, vocab=10, d=16):
        super().__init__()
        self.embed = nn.Embedding(vocab, d)
        self.position = nn.Parameter(0.1 * torch.randn(8, d))
        self.attend = Attend(d)
        self.out = nn.Linear(d, vocab)

    def forward(self, tokens):
        x = self.embed(tokens) + self.position
        x = x + self.attend(x)
        return self.out(x)


net = Model()
opt = torch.optim.Adam(net.parameters(), lr=1e-2)
for step in range(301):
    tokens = torch.randint(0, 10, (32, 8))
    wanted = tokens.flip(1)
    loss = nn.functional.cross_entropy(net(tokens).flatten(0, 1), wanted.flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 50 == 0:
        print(f"step {step} loss {loss.item():.3f}")
