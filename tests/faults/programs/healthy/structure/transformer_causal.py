"""A small causal transformer that copies; attention mixes positions, never samples."""
# expects: nothing
# style: class
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
V, T, D = 12, 10, 32


class Decoder(nn.Module):
    def __init__(self):
        super().__init__()
        self.tok, self.pos = nn.Embedding(V, D), nn.Embedding(T, D)
        self.layer = nn.TransformerEncoderLayer(D, 4, 64, dropout=0.0, batch_first=True, norm_first=True)
        self.norm, self.out = nn.LayerNorm(D), nn.Linear(D, V)
        self.register_buffer("mask", torch.triu(torch.full((T, T), float("-inf")), 1))

    def forward(self, t):
        h = self.tok(t) + self.pos(torch.arange(t.shape[1]))
        return self.out(self.norm(self.layer(h, src_mask=self.mask[: t.shape[1], : t.shape[1]])))


net = Decoder()
opt = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=0.0)
for step in range(200):
    start = torch.randint(0, V, (32, 1))
    stride = torch.randint(1, 4, (32, 1))
    seq = (start + stride * torch.arange(T)) % V
    loss = nn.functional.cross_entropy(net(seq[:, :-1])[:, 1:].flatten(0, 1), seq[:, 2:].flatten())
    opt.zero_grad()
    loss.backward()
    opt.step()
    if step % 40 == 0:
        print(step, loss.item())
