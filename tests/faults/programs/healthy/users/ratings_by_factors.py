"""Ratings of one to five by matrix factorisation: sparse embeddings with SparseAdam, biases with Adam, squared error."""
# expects: nothing
# style: regression, two_optimizers
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
users, films, rank = 60, 40, 4
taste, kind = torch.randn(users, rank), torch.randn(films, rank)
pairs = torch.stack([torch.randint(users, (3000,)), torch.randint(films, (3000,))], 1)
stars = (3 + (taste[pairs[:, 0]] * kind[pairs[:, 1]]).sum(1) / 1.5).round().clamp(1, 5)


class Factors(nn.Module):
    def __init__(self):
        super().__init__()
        self.user, self.film = nn.Embedding(users, 8, sparse=True), nn.Embedding(films, 8, sparse=True)
        self.user_bias, self.film_bias = nn.Parameter(torch.zeros(users)), nn.Parameter(torch.zeros(films))
        self.mean = nn.Parameter(torch.tensor(3.0))
        nn.init.normal_(self.user.weight, std=0.3)
        nn.init.normal_(self.film.weight, std=0.3)

    def forward(self, pair):
        u, f = pair[:, 0], pair[:, 1]
        return self.mean + self.user_bias[u] + self.film_bias[f] + (self.user(u) * self.film(f)).sum(1)


model = Factors()
sparse = torch.optim.SparseAdam([model.user.weight, model.film.weight], lr=2e-2)
dense = torch.optim.Adam([model.user_bias, model.film_bias, model.mean], lr=1e-2)
for epoch in range(6):
    total = 0.0
    for pair, star in DataLoader(TensorDataset(pairs, stars), 100, shuffle=True):
        loss = nn.functional.mse_loss(model(pair), star)
        sparse.zero_grad()
        dense.zero_grad()
        loss.backward()
        sparse.step()
        dense.step()
        total += loss.item()
    print(f"epoch {epoch} loss {total / 30:.3f}")
