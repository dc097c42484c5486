"""Arguments by argparse, a dataclass of settings, bf16 autocast, clipping, one-cycle rate, averaged weights for validation."""
# expects: nothing
# style: class, amp, scheduler
import argparse
import os
from dataclasses import dataclass

import torch
from torch import nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn
from torch.utils.data import DataLoader, TensorDataset


@dataclass
class Config:
    lr: float = 5e-3
    epochs: int = 6
    batch: int = 32


class Trainer:
    def __init__(self, model, config, train, val):
        self.model, self.config, self.train_loader, self.val_loader = model, config, train, val
        self.ema = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.95), use_buffers=True)
        self.optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=0.0)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(self.optimizer, config.lr, total_steps=config.epochs * len(train))
        self.criterion = nn.CrossEntropyLoss(label_smoothing=0.05)

    def step(self, batch):
        x, y = batch
        with torch.autocast("cpu", dtype=torch.bfloat16):
            loss = self.criterion(self.model(x), y)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.ema.update_parameters(self.model)
        return loss.item()

    @torch.no_grad()
    def validate(self):
        self.ema.eval()
        right = sum((self.ema(x).argmax(1) == y).sum().item() for x, y in self.val_loader)
        return right / len(self.val_loader.dataset)

    def fit(self):
        for epoch in range(self.config.epochs):
            self.model.train()
            losses = [self.step(batch) for batch in self.train_loader]
            print(f"epoch {epoch} loss {sum(losses) / len(losses):.3f} acc {self.validate():.3f}")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--lr", type=float, default=Config.lr)
    args = parser.parse_args()
    torch.manual_seed(int(os.environ.get("SEED", 0)))
    x = torch.randn(900, 12)
    y = (x[:, :4] + 0.3 * x[:, 4:8]).argmax(1)
    train = DataLoader(TensorDataset(x[:700], y[:700]), batch_size=Config.batch, shuffle=True, drop_last=True)
    val = DataLoader(TensorDataset(x[700:], y[700:]), batch_size=100)
    model = nn.Sequential(nn.Linear(12, 64), nn.BatchNorm1d(64), nn.GELU(), nn.Dropout(0.1), nn.Linear(64, 4))
    Trainer(model, Config(lr=args.lr), train, val).fit()


if __name__ == "__main__":
    main()
