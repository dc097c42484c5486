"""The twin of one_cycle_stepped_by_epoch.py without its fault: stepped with the optimiser."""
# expects: nothing
# style: scheduler, functions
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
EPOCHS, BATCH, N = 10, 25, 1000
x = torch.randn(N, 10)
target = (x @ torch.randn(10, 4) + 0.3 * torch.randn(N, 4)).argmax(1)
batches = N // BATCH

model = nn.Sequential(nn.Linear(10, 50), nn.ReLU(), nn.Linear(50, 4))
opt = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
sched = torch.optim.lr_scheduler.OneCycleLR(opt, max_lr=0.1, epochs=EPOCHS, steps_per_epoch=batches)


def train_one_epoch():
    losses = 0.0
    for rows in torch.randperm(N).split(BATCH):
        loss = nn.functional.cross_entropy(model(x[rows]), target[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
        sched.step()
        losses += loss.item()
    return losses / batches


for epoch in range(EPOCHS):
    loss = train_one_epoch()
    print(f"epoch {epoch} | loss {loss:.4f} | lr {sched.get_last_lr()[0]:.5f}")
