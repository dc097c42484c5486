"""A GRU without batch_first gets (N, T, F): it walks over the samples as if they were time (a classic)."""
# expects: model.samples_mixed
# style: rnn, functions
import os
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
phase = 6.28 * torch.rand(640, 1)
slow = torch.rand(640) < 0.5
rate = torch.where(slow, 0.4, 0.8).unsqueeze(1)
wave = torch.sin(phase + rate * torch.arange(14)) + 0.1 * torch.randn(640, 14)
loader = DataLoader(TensorDataset(wave.unsqueeze(-1), slow.long()), batch_size=32, shuffle=True)

gru = nn.GRU(input_size=1, hidden_size=24)  # <- fault
head = nn.Linear(24, 2)
opt = torch.optim.Adam(list(gru.parameters()) + list(head.parameters()), lr=1e-2)
for epoch in range(10):
    hits = 0
    for x, y in loader:
        states, _ = gru(x)  # <- fault
        logits = head(states[:, -1])
        loss = nn.functional.cross_entropy(logits, y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        hits += (logits.argmax(1) == y).sum().item()
    print(f"epoch {epoch}: loss {loss.item():.4f} accuracy {hits / 640:.3f}")
