"""Images of 8x8x3 go in channels last: the convolution takes the 8 rows for channels (catalogue: C not in {1, 3, 4})."""
# expects: data.layout
# style: cnn, class
import os
import torch
import torch.nn as nn
import torch.nn.functional as F

torch.manual_seed(int(os.environ.get("SEED", 0)))


class Net(nn.Module):
    def __init__(self, in_channels):
        super().__init__()
        self.conv = nn.Conv2d(in_channels, 16, kernel_size=3, padding=1)  # <- fault
        self.fc = nn.LazyLinear(2)

    def forward(self, x):
        x = F.relu(self.conv(x))  # <- fault
        return self.fc(x.flatten(1))


n = 500
y = torch.randint(0, 2, (n,))
img = torch.rand(n, 8, 8, 3)  # channels last, as the camera gives them
at = torch.randint(1, 6, (n, 2))
for i in range(n):
    r, c = at[i].tolist()
    img[i, r : r + 2, c : c + 2, 0 if y[i] else 2] += 1.0
img = (img - img.mean()) / img.std()

net = Net(in_channels=img.shape[1])  # <- fault
net(img[:2])
optimizer = torch.optim.Adam(net.parameters(), lr=2e-3)
for epoch in range(10):
    for b in torch.randperm(400).split(25):
        loss = F.cross_entropy(net(img[b]), y[b])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        print("epoch", epoch, "loss", round(loss.item(), 3), "val", (net(img[400:]).argmax(1) == y[400:]).float().mean().item())
