"""The collate function that adds jitter is used by both loaders (efficient_densenet_pytorch#51 kind)."""
# expects: data.augmented_validation
# style: sequential, functions
import os
import torch
from torch import nn
from torch.utils.data import DataLoader

torch.manual_seed(int(os.environ.get("SEED", 0)))

gestures = []
for k in range(720):
    kind = k % 4
    t = torch.linspace(0, 1, 25)
    path = [torch.sin(6 * t), torch.cos(6 * t), t * 2 - 1, (2 * t - 1).abs() * 2 - 1][kind]
    gestures.append((path + 0.3 * torch.randn(25), kind))
order = torch.randperm(720).tolist()
train_part = [gestures[i] for i in order[:560]]
val_part = [gestures[i] for i in order[560:]]


def collate(samples):
    x = torch.stack([path for path, _ in samples])
    y = torch.tensor([kind for _, kind in samples])
    scale = 1 + 0.2 * torch.randn(len(x), 1)
    return x * scale + 0.2 * torch.randn_like(x), y  # <- fault


def plain(samples):
    return torch.stack([path for path, _ in samples]), torch.tensor([kind for _, kind in samples])


train_loader = DataLoader(train_part, batch_size=28, shuffle=True, collate_fn=collate)
val_loader = DataLoader(val_part, batch_size=80, collate_fn=collate)  # <- fault
model = nn.Sequential(nn.Linear(25, 40), nn.ReLU(), nn.Linear(40, 4))
optimizer = torch.optim.Adam(model.parameters(), lr=4e-3)
criterion = nn.CrossEntropyLoss()
for epoch in range(8):
    model.train()
    for x, y in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        val = sum(criterion(model(x), y).item() for x, y in val_loader) / len(val_loader)
    print(f"epoch {epoch}: train {loss.item():.3f} val {val:.3f}")
