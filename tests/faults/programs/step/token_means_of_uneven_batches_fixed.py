"""The twin of token_means_of_uneven_batches.py without its fault: sums, divided by the tokens of the whole step."""
# expects: nothing
# style: rnn, accumulation
import os

import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))
PAD = -100


class NextToken(nn.Module):
    def __init__(self, vocab=12, width=24):
        super().__init__()
        self.embed = nn.Embedding(vocab, width)
        self.gru = nn.GRU(width, width, batch_first=True)
        self.out = nn.Linear(width, vocab)

    def forward(self, tokens):
        return self.out(self.gru(self.embed(tokens))[0])


def micro_batch(n=8, longest=20):
    """Count upwards modulo 12, from a random start; some batches hold short sequences, others long ones."""
    lengths = torch.randint(2, 5, (n,)) if torch.rand(()) < 0.5 else torch.randint(12, longest + 1, (n,))
    start = torch.randint(0, 12, (n, 1))
    seq = (start + torch.arange(longest + 1)) % 12
    targets = seq[:, 1:].clone()
    targets[torch.arange(longest)[None] >= lengths[:, None]] = PAD
    return seq[:, :-1], targets


model = NextToken()
optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
for step in range(60):
    optimizer.zero_grad()
    micro = [micro_batch() for _ in range(4)]
    tokens_in_step = sum((t != PAD).sum() for _, t in micro)
    shown = 0.0
    for tokens, targets in micro:
        logits = model(tokens)
        loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten(), ignore_index=PAD, reduction="sum") / tokens_in_step
        loss.backward()
        shown += loss.item()
    optimizer.step()
    if step % 10 == 0:
        print(f"step {step}: loss {shown:.4f} over {int(tokens_in_step)} tokens")
