"""bf16 autocast around the network only; the loss is taken in float32."""
# expects: nothing
# style: amp, transformer
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(400, 5, 16)
y = (x.mean(1) @ torch.randn(16, 3)).argmax(1)
net = nn.Sequential(nn.LayerNorm(16), nn.TransformerEncoderLayer(16, 2, 32, 0.0, batch_first=True))
head = nn.Linear(16, 3)
opt = torch.optim.AdamW([*net.parameters(), *head.parameters()], lr=5e-3)
for epoch in range(12):
    for i in torch.randperm(400).split(40):
        with torch.autocast("cpu", torch.bfloat16):
            scores = head(net(x[i]).mean(1))
        loss = nn.functional.cross_entropy(scores.float(), y[i])
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
