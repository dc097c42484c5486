"""The twin of split_redrawn_after_resume.py without its fault: a generator with a seed of its own."""
# expects: nothing
# style: sequential, functions
import os
import tempfile

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset, random_split

torch.manual_seed(int(os.environ.get("SEED", 0)))
X = torch.randn(800, 10)
Y = (X @ torch.randn(10, 3)).argmax(1)
data = TensorDataset(X, Y)
model = nn.Sequential(nn.Linear(10, 32), nn.ReLU(), nn.Linear(32, 3))
optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)


def session(epochs):
    train, val = random_split(data, [600, 200], generator=torch.Generator().manual_seed(1234))
    for epoch in range(epochs):
        model.train()
        for x, y in DataLoader(train, batch_size=30, shuffle=True):
            loss = nn.functional.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        model.eval()
        with torch.no_grad():
            hits = sum((model(x).argmax(1) == y).sum().item() for x, y in DataLoader(val, batch_size=200))
        print(f"epoch {epoch}: loss {loss.item():.3f} val acc {hits / 200:.3f}")


with tempfile.TemporaryDirectory() as folder:
    session(4)
    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, folder + "/last.pt")
    print("resuming")
    state = torch.load(folder + "/last.pt")
    model.load_state_dict(state["model"])
    optimizer.load_state_dict(state["optimizer"])
    session(4)
