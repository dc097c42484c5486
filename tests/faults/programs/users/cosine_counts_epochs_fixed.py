"""A helper does backward, clip and step, the loop the schedule (twin)."""
# expects: nothing
# style: functions, scheduler
import os

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

torch.manual_seed(int(os.environ.get("SEED", 0)))
EPOCHS = 8


def apply(loss, model, optimizer, schedule):
    optimizer.zero_grad()
    loss.backward()
    nn.utils.clip_grad_norm_(model.parameters(), 5.0)
    optimizer.step()



x = torch.randn(800, 9)
y = (x[:, :3] * x[:, 3:6]).argmax(1)
model = nn.Sequential(nn.Linear(9, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))
optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=EPOCHS)
loader = DataLoader(TensorDataset(x, y), 40, shuffle=True)
for epoch in range(EPOCHS):
    for xb, yb in loader:
        loss = nn.functional.cross_entropy(model(xb), yb)
        apply(loss, model, optimizer, schedule)
    schedule.step()
    print(f"epoch {epoch} loss {loss.item():.3f}")
