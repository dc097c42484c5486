"""Four micro-batches make a step, but the linear decay, planned in steps, moves with each of them: it is at zero after a quarter."""
# expects: lr.schedule_rhythm, lr.zero, lr.too_low
# style: accumulation, scheduler, transformer
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
ids = torch.randint(0, 12, (640, 6))
y = torch.bucketize(ids.sum(1), torch.tensor([28, 38]))
emb = nn.Embedding(12, 24)
layer = nn.TransformerEncoderLayer(24, 2, 48, dropout=0.0, batch_first=True)
head = nn.Linear(24, 3)
everything = nn.ModuleList([emb, layer, head])
ACCUMULATE, STEPS = 4, 160
opt = torch.optim.SGD(everything.parameters(), lr=0.05)
decay = torch.optim.lr_scheduler.LinearLR(opt, 1.0, 0.0, total_iters=STEPS)  # <- fault
for micro in range(STEPS * ACCUMULATE):
    i = torch.randint(0, 640, (16,))
    loss = nn.functional.cross_entropy(head(layer(emb(ids[i])).mean(1)), y[i])
    (loss / ACCUMULATE).backward()
    if (micro + 1) % ACCUMULATE == 0:
        opt.step()
        opt.zero_grad()
    decay.step()  # <- fault
    if micro % 80 == 79:
        print(micro + 1, loss.item())
