"""AdamW's decay of 0.1 goes to LayerNorm, biases and positions of a small transformer as well."""
# expects: optimizer.decay_on_norm_and_bias
# style: class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Sorter(nn.Module):
    """Which digit of the sequence is the largest?"""

    def __init__(self, d=24):
        super().__init__()
        self.embed = nn.Embedding(10, d)
        layer = nn.TransformerEncoderLayer(d, 2, 48, dropout=0.0, batch_first=True)
        self.encoder = nn.TransformerEncoder(layer, 1, enable_nested_tensor=False)
        self.norm = nn.LayerNorm(d)
        self.head = nn.Linear(d, 10)

    def forward(self, t):
        return self.head(self.norm(self.encoder(self.embed(t))).mean(1))


net = Sorter()
opt = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.1)  # <- fault
for step in range(201):
    digits = torch.randint(0, 10, (40, 6))
    loss = nn.functional.cross_entropy(net(digits), digits.amax(1))
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 40 == 0:
        print(step, round(loss.item(), 4))
