"""An autoencoder with an L1 penalty: most code units are zero for most rows, as wanted."""
# expects: nothing
# style: autoencoder, class
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
atoms = torch.randn(20, 16) / 2
pick = (torch.rand(500, 20) < 0.15).float() * torch.rand(500, 20) * 2
x = pick @ atoms
enc, dec = nn.Linear(16, 40), nn.Linear(40, 16)
opt = torch.optim.Adam([*enc.parameters(), *dec.parameters()], lr=5e-3)
for epoch in range(20):
    for i in torch.randperm(500).split(50):
        code = enc(x[i]).relu()
        loss = nn.functional.mse_loss(dec(code), x[i]) + 0.002 * code.abs().mean()
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item(), (code == 0).float().mean().item())
