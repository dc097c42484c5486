"""The twin of clipped_while_still_scaled.py without its fault: unscale, clip, step."""
# expects: nothing
# style: amp, sequential
import os

import torch
from torch import nn
torch.manual_seed(int(os.environ.get("SEED", 0)))
x = torch.randn(512, 10)
y = (x[:, :1] - x[:, 1:2]).tanh()
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 1))
opt = torch.optim.SGD(model.parameters(), lr=0.1)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0**14)
for epoch in range(12):
    for i in torch.randperm(512).split(32):
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16):
            guess = model(x[i])
        loss = nn.functional.mse_loss(guess.float(), y[i])
        scaler.scale(loss).backward()
        scaler.unscale_(opt)
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        scaler.step(opt)
        scaler.update()
    print(epoch, loss.item())
