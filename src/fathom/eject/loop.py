"""The loop as code: what one reads first in the file that a run becomes."""

from __future__ import annotations

from fathom.eject.data.part import dedent

BATCHES = """
def batches(X, y, epoch):
    \"\"\"Yield the training batches of an epoch, in an order that depends on the seed and the epoch alone.\"\"\"
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(mix(SEED, epoch)))
    for number, rows in enumerate(order.split(BATCH_SIZE)):
        {augmented}


def in_order(X, y):
    yield from zip(X.split(EVALUATION_BATCH), y.split(EVALUATION_BATCH))
"""
PLAIN = "yield X[rows], y[rows]"
AUGMENTED = """# each batch has a generator of its own: what it draws depends on seed, epoch and number
        yield AUGMENT(X[rows], torch.Generator().manual_seed(mix(SEED, epoch, number))), y[rows]"""

MODEL = """
class Model(nn.Module):
    def __init__(self):
        super().__init__()
{layers}

    def forward(self, X):
        return {forward}


def make_model():
    torch.manual_seed(SEED)  # the initial weights depend on the seed alone
    model = Model().to(DEVICE)
{format}    return model
"""
CHANNELS_LAST = """    for parameter in model.parameters():
        if parameter.ndim == 4:  # channels last: what convolutions are fastest in
            parameter.data = parameter.data.to(memory_format=torch.channels_last)
"""

EVALUATE = """
@torch.inference_mode()
def evaluate(model, split):
    \"\"\"Return loss{and_accuracy} over a split.\"\"\"
    model.eval()
    total = {hits_begin}count = 0
{state}    for {batch} in in_order({split}):
{moved}{computed}        total, count = total + loss.item() * len(y), count + len(y)
{counted}    return {{"loss": total / count{accuracy}}}
"""
TRAIN = """
def train(epochs=EPOCHS):
    \"\"\"Train, and return the losses of every epoch.\"\"\"
    torch.set_num_threads({threads})  # another number would round sums differently
    splits, model = load_splits(), make_model()
    optimizer = make_optimizer(model)
    torch.manual_seed(SEED)
    records, step = [], 0
    for epoch in range(epochs):
        model.train()
        total = count = 0
{state}        for {batch} in batches({split}, epoch):
            for group in optimizer.param_groups:
                group["lr"] = LR * factor(step)
{moved}{computed}            loss.backward()
{clip}            optimizer.step()
            optimizer.zero_grad()
            step += 1
            total, count = total + loss.item() * len(y), count + len(y)
        record = {{"epoch": epoch + 1, "train_loss": total / count}}
        if "val" in splits:
            record |= {{f"val_{{name}}": value for name, value in evaluate(model, splits["val"]).items()}}
        records.append(record)
        print(", ".join(f"{{name}} {{value:.6g}}" for name, value in record.items()), flush=True)
    return records
"""
_DETACHED = """            # gradients end at the first step of a batch; the state itself goes on
            state = tuple(part.detach() for part in state) if isinstance(state, tuple) else state.detach()
"""
MAIN = """
if __name__ == "__main__":
    train()
"""


def training_code(facts: dict[str, str], *, is_text: bool) -> list[str]:
    """Return the functions ``evaluate`` and ``train``.

    Args:
        facts: pieces of code by the names in the templates; "hits" and "to_device" may be empty.
    """
    has_hits = bool(facts["hits"])
    given = facts | {
        "and_accuracy": " and accuracy" if has_hits else "",
        "accuracy": ', "accuracy": hits / count' if has_hits else "",
        "hits_begin": "hits = " if has_hits else "",
        "counted": f"        hits += {facts['hits']}\n" if has_hits else "",
        "batch": "X, starts, y" if is_text else "X, y",
    }
    output = "output, state = model(X, None if starts else state)" if is_text else "output = model(X).float()"
    if is_text:
        given["clip"] = _DETACHED + given["clip"]
    lines = []
    for template, indent, split, loss in (
        (EVALUATE, 8, "split", facts["val_loss"]),
        (TRAIN, 12, 'splits["train"]', facts["train_loss"]),
    ):
        computed = [output, f"loss = {loss}"]
        if facts["autocast"]:
            computed = [f"with {facts['autocast']}:", *(f"    {line}" for line in computed)]
        moved = f"{' ' * indent}{facts['to_device']}\n" if facts["to_device"] else ""
        state = f"{' ' * (indent - 4)}state = None\n" if is_text else ""
        split = split if is_text else f"*{split}"
        text = "".join(f"{' ' * indent}{line}\n" for line in computed)
        lines.append(dedent(template.format(**given, moved=moved, computed=text, state=state, split=split)))
    return lines
