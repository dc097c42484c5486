"""A small GPT: tied embeddings, causal attention by scaled_dot_product_attention, warm-up and cosine, decay in two groups."""
# expects: nothing
# style: class, scheduler, accumulation
import math
import os

import torch
from torch import nn
from torch.nn import functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))
text = "to be or not to be that is the question " * 40
letters = sorted(set(text))
ids = torch.tensor([letters.index(c) for c in text])


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width))

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(b, t, c))
        return x + self.mlp(self.norm2(x))


class GPT(nn.Module):
    def __init__(self, vocabulary, width=48, context=24):
        super().__init__()
        self.token, self.position = nn.Embedding(vocabulary, width), nn.Embedding(context, width)
        self.blocks = nn.ModuleList(Block(width, 4) for _ in range(2))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, vocabulary, bias=False)
        self.apply(self.initialise)
        self.head.weight = self.token.weight

    def initialise(self, module):
        if isinstance(module, (nn.Linear, nn.Embedding)):
            nn.init.normal_(module.weight, std=0.02)

    def forward(self, x, y=None):
        h = self.token(x) + self.position(torch.arange(x.shape[1]))
        for block in self.blocks:
            h = block(h)
        logits = self.head(self.norm(h))
        return logits, None if y is None else F.cross_entropy(logits.view(-1, logits.shape[-1]), y.view(-1))


model = GPT(len(letters))
decayed = [p for p in model.parameters() if p.dim() > 1]
others = [p for p in model.parameters() if p.dim() <= 1]
optimizer = torch.optim.AdamW([{"params": decayed, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}], lr=3e-3)
total = 60
rate = lambda step: min((step + 1) / 10, 0.5 * (1 + math.cos(math.pi * step / total)))
schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, rate)
for step in range(total):
    for micro in range(2):
        at = torch.randint(len(ids) - 25, (8,))
        x = torch.stack([ids[i : i + 24] for i in at])
        y = torch.stack([ids[i + 1 : i + 25] for i in at])
        loss = model(x, y)[1] / 2
        loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()
    optimizer.zero_grad()
    schedule.step()
    if step % 20 == 19:
        print(step, 2 * loss.item())
