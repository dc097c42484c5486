"""The twin of relu_on_logits_mlp.py without its fault: no ReLU behind the last layer."""
# expects: nothing
# style: sequential
import os

import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

seed = int(os.environ.get("SEED", 0))
torch.manual_seed(seed)
digits = load_digits()
images = torch.tensor(digits.images, dtype=torch.float32).div(16).sub(0.3).div(0.38)
labels = torch.tensor(digits.target)
perm = torch.randperm(len(labels), generator=torch.Generator().manual_seed(7))
train, test = perm[:1400], perm[1400:]

net = nn.Sequential(
    nn.Flatten(),
    nn.Linear(64, 64), nn.ReLU(),
    nn.Linear(64, 32), nn.ReLU(),
    nn.Linear(32, 10),
)


@torch.no_grad()
def init_weights(m):
    if isinstance(m, nn.Linear):
        nn.init.xavier_uniform_(m.weight)
        m.bias.zero_()


net.apply(init_weights)
loss = nn.CrossEntropyLoss()
trainer = torch.optim.SGD(net.parameters(), lr=0.1)
train_iter = DataLoader(TensorDataset(images[train], labels[train]), batch_size=32, shuffle=True)

num_epochs = 12
for epoch in range(num_epochs):
    net.train()
    running, seen = 0.0, 0
    for X, y in train_iter:
        l = loss(net(X), y)
        trainer.zero_grad()
        l.backward()
        trainer.step()
        running += l.item() * len(y)
        seen += len(y)
    net.eval()
    with torch.no_grad():
        acc = (net(images[test]).argmax(dim=1) == labels[test]).float().mean()
    print(f"epoch {epoch + 1}, loss {running / seen:.4f}, test acc {acc:.3f}")
