"""How well it learned, how fast, and whether again the same."""

from __future__ import annotations

from fathom.doctor.catalog.entry import Entry

ENTRIES = (
    Entry(
        "fit.overfitting",
        "Overfitting",
        "note",
        "Validation loss rises while training loss falls.",
        "the network memorises its training data",
        "more data, augmentation, weight decay, dropout, or stop earlier",
        "Losses of passes without gradients against their minimum, and the training loss at the same time.",
        "With few validation samples the rise may be noise.",
    ),
    Entry(
        "fit.underfitting",
        "Underfitting",
        "note",
        "Training loss stays high, or still falls when training ends.",
        "the network is too small, held back too much, or stopped too early",
        "more epochs, a larger network, less regularisation",
        "The course of the training loss over the last quarter of the steps.",
        "A hard task.",
    ),
    Entry(
        "speed.waiting_for_data",
        "Waiting for data",
        "warning",
        "The processor idles; a step takes much longer than its computation.",
        "the loader is slower than the network",
        "num_workers=4 in the DataLoader, or keep the data in memory",
        "The share of the time that `next()` of the loaders takes, without the first batch of each pass.",
        "Runs of a few seconds are not judged.",
    ),
    Entry(
        "run.not_deterministic",
        "Not deterministic",
        "note",
        "Two runs with one seed differ.",
        "a random generator is not seeded, or an operation adds up in no fixed order",
        "torch.manual_seed(0); torch.use_deterministic_algorithms(True)",
        "Generators of PyTorch, NumPy and Python that are drawn from and never seeded, or seeded by the clock; a "
        "network that gives two "
        "outputs for one input from the same random state. Exact. `fathom diverge` compares two runs.",
        "Where numbers need not be the same. GPU kernels that add up in another order each time are not seen.",
    ),
)
