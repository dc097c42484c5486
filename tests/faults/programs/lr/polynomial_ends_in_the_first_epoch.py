"""PolynomialLR counts epochs but is stepped in batches: the rate is zero after ten batches of four hundred (trainproof: lr=0)."""
# expects: lr.zero, lr.schedule_rhythm
# style: scheduler, rnn, functions
import os

import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
EPOCHS = 10
walk = torch.randn(800, 16).cumsum(1) / 4
goes_up = (walk[:, -1] > walk[:, 7]).long()
gru, head = nn.GRU(1, 20, batch_first=True), nn.Linear(20, 2)
optimizer = torch.optim.Adam([*gru.parameters(), *head.parameters()], lr=1e-2)
scheduler = torch.optim.lr_scheduler.PolynomialLR(optimizer, total_iters=EPOCHS, power=1.0)  # <- fault


def train_epoch():
    total = 0.0
    for rows in torch.randperm(800).split(20):
        states, _ = gru(walk[rows].unsqueeze(-1))
        loss = nn.functional.cross_entropy(head(states[:, -1]), goes_up[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()  # <- fault
        total += loss.item() / 40
    return total


for epoch in range(EPOCHS):
    print(f"epoch {epoch}: loss {train_epoch():.4f}, lr {scheduler.get_last_lr()[0]:.5f}")
