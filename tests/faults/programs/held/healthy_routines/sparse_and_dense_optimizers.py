"""SparseAdam for a large table with sparse gradients, Adam for the rest; most rows get none."""
# expects: nothing
# style: embedding, two_optimizers
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
table = nn.Embedding(500, 8, sparse=True)
head = nn.Sequential(nn.Linear(8, 16), nn.ReLU(), nn.Linear(16, 1))
a = torch.optim.SparseAdam(table.parameters(), lr=2e-2)
b = torch.optim.Adam(head.parameters(), lr=5e-3)
value = torch.randn(500)
for step in range(400):
    i = torch.randint(0, 100, (64,))
    loss = nn.functional.mse_loss(head(table(i)).squeeze(1), value[i])
    a.zero_grad()
    b.zero_grad()
    loss.backward()
    a.step()
    b.step()
    if step % 80 == 0:
        print(step, loss.item())
