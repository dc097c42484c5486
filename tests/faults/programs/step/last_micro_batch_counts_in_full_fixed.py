"""The twin of last_micro_batch_counts_in_full.py without its fault: each piece by its share of the rows."""
# expects: nothing
# style: accumulation, functions
import os

import numpy as np
import torch
from torch import nn

seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
rng = np.random.default_rng(seed)

features = rng.standard_normal((680, 9)).astype(np.float32)
weights = rng.standard_normal((9, 3)).astype(np.float32)
classes = (features @ weights + 0.3 * rng.standard_normal((680, 3))).argmax(1)
X, y = torch.from_numpy(features), torch.from_numpy(classes)

model = nn.Sequential(nn.Linear(9, 40), nn.GELU(), nn.Linear(40, 3))
opt = torch.optim.SGD(model.parameters(), lr=0.3)


def one_step(rows):
    """A step on 68 rows in pieces that fit into memory: 32, 32 and 4."""
    opt.zero_grad()
    pieces = rows.split(32)
    for piece in pieces:
        loss = nn.functional.cross_entropy(model(X[piece]), y[piece])
        (loss * len(piece) / len(rows)).backward()
    opt.step()
    return loss.item()


for epoch in range(15):
    last = [one_step(rows) for rows in torch.randperm(680).split(68)]
    print(f"epoch {epoch}: {np.mean(last):.4f}")
