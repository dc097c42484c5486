"""The twin of augmentation_in_python_loops.py without its fault: torch.roll over the image; a network worth waiting for."""
# expects: nothing
# style: cnn, functions
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
label = torch.randint(0, 2, (240,))
image = 0.3 * torch.randn(240, 1, 14, 14)
image[label == 1, :, 4:10, 4:10] += 1


def jitter(picture):
    return picture.roll(tuple(torch.randint(-1, 2, (2,)).tolist()), (1, 2))


class Jittered(torch.utils.data.Dataset):
    def __len__(self):
        return 240

    def __getitem__(self, i):
        return jitter(image[i]), label[i]


net = nn.Sequential(
    nn.Conv2d(1, 24, 3), nn.ReLU(), nn.Conv2d(24, 24, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(96, 2)
)
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
loader = torch.utils.data.DataLoader(Jittered(), batch_size=24, shuffle=True)
for epoch in range(3):
    for x, y in loader:
        loss = nn.functional.cross_entropy(net(x), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
    print(epoch, loss.item())
