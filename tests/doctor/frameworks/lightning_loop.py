"""A classifier by Lightning's Trainer; the argument names the fault, if any."""

import logging
import sys

import lightning
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset


class Net(lightning.LightningModule):
    def __init__(self, fault):
        super().__init__()
        self.fault = fault
        self.body = nn.Sequential(nn.Linear(8, 32), nn.BatchNorm1d(32), nn.ReLU(), nn.Dropout(0.1))
        self.head = nn.Sequential(nn.Linear(32, 3), *([nn.Softmax(1)] if fault == "softmax" else []))

    def forward(self, x):
        return self.head(self.body(x))

    def training_step(self, batch, number):
        loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, number):
        self.log("val_loss", nn.functional.cross_entropy(self(batch[0]), batch[1]))

    def configure_optimizers(self):
        trained = self.head if self.fault == "part" else self
        return torch.optim.SGD(trained.parameters(), lr=1e-9 if self.fault == "rate" else 0.1)


def main(fault=""):
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    lightning.seed_everything(0, verbose=False)
    x = torch.randn(400, 8)
    data = TensorDataset(x, x[:, :3].argmax(1))
    train, val = torch.utils.data.random_split(data, [300, 100])
    quiet = dict.fromkeys(("logger", "enable_checkpointing", "enable_progress_bar", "enable_model_summary"), False)
    trainer = lightning.Trainer(max_epochs=6, accelerator="cpu", **quiet)
    trainer.fit(Net(fault), DataLoader(train, batch_size=20, shuffle=True), DataLoader(val, batch_size=20))


if __name__ == "__main__":
    main(*sys.argv[1:])
