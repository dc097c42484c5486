"""Stack Overflow 48251943, rewritten: two classes, a relu on the last dense layer of a small CNN, logits loss."""
# expects: model.relu_on_logits
# style: cnn, class
import os
import torch
import torch.nn as nn
import torch.optim as optim

torch.manual_seed(int(os.getenv("SEED", "0")))

N = 600
y = (torch.rand(N) < 0.5).float()
x = torch.randn(N, 1, 10, 10)
# class 1: a bright square somewhere, class 0: a dark one
for i in range(N):
    r, c = torch.randint(0, 6, (2,)).tolist()
    x[i, 0, r : r + 4, c : c + 4] += 2.0 if y[i] else -2.0
x_train, y_train, x_val, y_val = x[:480], y[:480], x[480:], y[480:]


class SmallNet(nn.Module):
    def __init__(self):
        super(SmallNet, self).__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.MaxPool2d(2))
        self.hidden = nn.Linear(8 * 4 * 4, 16)
        self.out = nn.Linear(16, 1)

    def forward(self, x):
        h = self.features(x).view(x.size(0), -1)
        h = torch.relu(self.hidden(h))
        return torch.relu(self.out(h)).squeeze(1)  # <- fault


model = SmallNet()
criterion = nn.BCEWithLogitsLoss()
optimizer = optim.RMSprop(model.parameters(), lr=1e-3)
for epoch in range(10):
    model.train()
    for i in range(0, 480, 24):
        optimizer.zero_grad()
        loss = criterion(model(x_train[i : i + 24]), y_train[i : i + 24])
        loss.backward()
        optimizer.step()
    model.eval()
    with torch.no_grad():
        logits = model(x_val)
        print("Epoch %d  val_loss %.4f  val_acc %.3f" % (
            epoch, criterion(logits, y_val).item(), ((logits > 0).float() == y_val).float().mean().item()))
