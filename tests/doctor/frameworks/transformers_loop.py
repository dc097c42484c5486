"""A small BERT by the Trainer of Hugging Face; the argument names the fault, if any."""

import os
import sys
import tempfile

os.environ["HF_HUB_OFFLINE"] = "1"

import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification, Trainer, TrainingArguments


class Words(torch.utils.data.Dataset):
    def __init__(self, number, seed):
        self.x = torch.randint(5, 50, (number, 12), generator=torch.Generator().manual_seed(seed))

    def __len__(self):
        return len(self.x)

    def __getitem__(self, i):
        x = self.x[i]
        return {"input_ids": x, "attention_mask": torch.ones_like(x), "labels": (x[0] > 27).long()}


def main(fault=""):
    torch.manual_seed(0)
    sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64}
    model = BertForSequenceClassification(BertConfig(vocab_size=50, max_position_embeddings=16, num_labels=2, **sizes))
    if fault == "softmax":
        model.classifier = nn.Sequential(model.classifier, nn.Softmax(1))
    rate = 1e-10 if fault == "rate" else 1e-3
    own = torch.optim.AdamW(model.classifier.parameters(), lr=rate) if fault == "part" else None
    with tempfile.TemporaryDirectory() as folder:
        options = {"save_strategy": "no", "eval_strategy": "epoch", "logging_strategy": "no", "report_to": []}
        arguments = TrainingArguments(
            folder, num_train_epochs=4, per_device_train_batch_size=16, learning_rate=rate, use_cpu=True, **options
        )
        arguments.disable_tqdm = True
        data = {"train_dataset": Words(256, 0), "eval_dataset": Words(64, 1)}
        Trainer(model, arguments, **data, optimizers=(own, None)).train()


if __name__ == "__main__":
    main(*sys.argv[1:])
