"""Words of many lengths: own Dataset and collate function, two workers, a packed GRU."""
# expects: nothing
# style: class, rnn
import os
import random

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_sequence
from torch.utils.data import DataLoader, Dataset

seed = int(os.environ.get("SEED", 0))


class Words(Dataset):
    def __init__(self, number, seed):
        draw = random.Random(seed)
        self.items = []
        for _ in range(number):
            label = draw.randrange(3)
            letters = [draw.randrange(1, 20) if draw.random() < 0.5 else 20 + label for _ in range(draw.randrange(3, 12))]
            self.items.append((torch.tensor(letters), label))

    def __len__(self):
        return len(self.items)

    def __getitem__(self, i):
        return self.items[i]


def collate(items):
    words, labels = zip(*items)
    return pad_sequence(words, batch_first=True), torch.tensor([len(w) for w in words]), torch.tensor(labels)


class Tagger(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(24, 16, padding_idx=0)
        self.rnn = nn.GRU(16, 24, batch_first=True, bidirectional=True)
        self.out = nn.Linear(48, 3)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(self.embed(x), lengths, batch_first=True, enforce_sorted=False)
        state = self.rnn(packed)[1]
        return self.out(torch.cat([state[0], state[1]], 1))


def main():
    torch.manual_seed(seed)
    train = DataLoader(Words(320, seed), 32, shuffle=True, collate_fn=collate, num_workers=2)
    val = DataLoader(Words(100, seed + 100), 50, collate_fn=collate)
    model, criterion = Tagger(), nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=5e-3)
    for epoch in range(4):
        total = 0.0
        for x, n, y in train:
            optimizer.zero_grad()
            loss = criterion(model(x, n), y)
            loss.backward()
            optimizer.step()
            total += loss.item()
        with torch.no_grad():
            right = sum((model(x, n).argmax(1) == y).sum().item() for x, n, y in val)
        print(f"epoch {epoch} loss {total / len(train):.3f} acc {right / 100:.2f}")


if __name__ == "__main__":
    main()
