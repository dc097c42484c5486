"""EmbeddingBag with offsets over texts of unequal length, sparse gradients and SparseAdam beside Adam."""
# expects: nothing
# style: class, two_optimizers
import os
import torch
from torch import nn

torch.manual_seed(int(os.environ.get("SEED", 0)))


class BagModel(nn.Module):
    def __init__(self, vocab=200, d=16, classes=4):
        super().__init__()
        self.bag = nn.EmbeddingBag(vocab, d, mode="mean", sparse=True)
        self.fc = nn.Linear(d, classes)

    def forward(self, words, offsets):
        return self.fc(self.bag(words, offsets))


texts, labels = [], torch.randint(0, 4, (600,))
for c in labels.tolist():
    n = int(torch.randint(5, 25, ()))
    own = torch.randint(50 * c, 50 * c + 50, (n,))
    other = torch.randint(0, 200, (n,))
    texts.append(torch.where(torch.rand(n) < 0.5, own, other))
net = BagModel()
sparse = torch.optim.SparseAdam(list(net.bag.parameters()), lr=2e-2)
dense = torch.optim.Adam(net.fc.parameters(), lr=1e-2)
for epoch in range(6):
    for rows in torch.randperm(600).split(30):
        chosen = [texts[i] for i in rows]
        offsets = torch.tensor([0] + [len(t) for t in chosen[:-1]]).cumsum(0)
        loss = nn.functional.cross_entropy(net(torch.cat(chosen), offsets), labels[rows])
        sparse.zero_grad()
        dense.zero_grad()
        loss.backward()
        sparse.step()
        dense.step()
    print(epoch, round(loss.item(), 4))
