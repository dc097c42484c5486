"""Nine to one, as in reviews: weights in the loss, and both classes are found."""
# expects: nothing
# style: class, rnn
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))
n = 1000
label = (torch.rand(n) < 0.1).long()
tokens = torch.randint(10, 60, (n, 14))
for i, c in enumerate(label.tolist()):
    spots = torch.randperm(14)[:4]
    tokens[i, spots] = torch.randint(0, 5, (4,)) + 5 * c


class Sentiment(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed, self.gru = nn.Embedding(60, 16), nn.GRU(16, 24, batch_first=True)
        self.head = nn.Linear(24, 2)

    def forward(self, t):
        return self.head(self.gru(self.embed(t))[0].mean(1))


net = Sentiment()
share = label[:800].float().mean()
criterion = nn.CrossEntropyLoss(weight=torch.stack([1 - (1 - share), 1 - share]) * 2)
opt = torch.optim.Adam(net.parameters(), lr=5e-3)
for epoch in range(8):
    for rows in torch.randperm(800).split(40):
        loss = criterion(net(tokens[rows]), label[rows])
        opt.zero_grad()
        loss.backward()
        opt.step()
    with torch.no_grad():
        guess = net(tokens[800:]).argmax(1)
    print(f"epoch {epoch} acc {(guess == label[800:]).float().mean():.3f} found {int((guess * label[800:]).sum())}/{int(label[800:].sum())}")
