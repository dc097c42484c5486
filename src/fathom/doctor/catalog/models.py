"""Faults of the network."""

from __future__ import annotations

from fathom.doctor.catalog.entry import Entry

ENTRIES = (
    Entry(
        "model.relu_on_logits",
        "ReLU on the logits",
        "error",
        "Some samples stay at the loss of equal probabilities; training stalls early.",
        "a negative logit becomes 0 and gets no gradient any more",
        "remove the activation after the last layer",
        "The input of the loss is followed back through the autograd graph to a ReLU.",
        "Outputs of a regression that cannot be negative are not reported.",
    ),
    Entry(
        "model.dead_units",
        "Dead units",
        "warning",
        "The network is smaller than it looks, or learns nothing.",
        "a ReLU unit that is 0 for all samples has no gradient and never comes back",
        "lower the learning rate, use He initialisation, or LeakyReLU",
        "Outputs of ReLU layers, read from the autograd graph on the last steps looked at: units that were 0 for "
        "every sample, "
        "of 256 at least.",
        "Sparse activations on purpose, and rare features.",
    ),
    Entry(
        "model.saturated_units",
        "Saturated units",
        "warning",
        "The loss falls very slowly.",
        "at its bounds sigmoid and tanh are flat and pass hardly any gradient",
        "scale inputs and initial weights, or use batch normalisation or ReLU",
        "Outputs of sigmoid and tanh in hidden layers: their mean distance from the middle, unit by unit.",
        "Gates, which multiply something, and the output layer are not looked at.",
    ),
    Entry(
        "model.detached_graph",
        "Detached graph",
        "error",
        "Layers before a certain point never learn.",
        "detach(), .data, .item() or no_grad() cut the path of the gradient",
        "remove the cut: use the tensor itself in the forward pass",
        "A layer is called with gradients enabled, its parameters are in the optimiser, and they never have a "
        "gradient on the steps "
        "looked at. Exact.",
        "Layers called under `no_grad` are a note: that may be meant.",
    ),
    Entry(
        "model.layer_unused",
        "Layer never used",
        "warning",
        "A layer stands in the constructor, and nothing depends on it.",
        "the layer is made but never called, so that it learns nothing",
        "call it in forward, or remove it",
        "Modules whose parameters are in the optimiser, never called and never with a gradient on the steps looked "
        "at. And a list of layers that holds one layer with weights several times. Exact.",
        "Layers that only rare inputs reach; a list that repeats a layer to share its weights on purpose.",
    ),
    Entry(
        "model.samples_mixed",
        "Samples mixed within the batch",
        "error",
        "Validation changes with the batch size; the network cannot learn what belongs to one sample.",
        "the output for one sample depends on the others: a view or reshape that should be a permute, a softmax over "
        "the batch",
        "x.permute(…) in place of x.view(…); softmax(dim=1)",
        "In a copy of the network in evaluation mode one sample of a batch is replaced: no other row of the output "
        "may change. A softmax over the batch dimension, also one written out, is seen in the graph. Layers that take "
        "their first axis for time are told by its length, where it is that of the batch in every call.",
        "Networks on graphs and attention over the batch mix on purpose; they are tested only if their input comes "
        "from a loader.",
    ),
    Entry(
        "model.wrong_mode",
        "Dropout or batch normalisation in the wrong mode",
        "error",
        "Validation is noisy and too low, or training runs without dropout and with statistics that stand still.",
        "dropout and batch normalisation compute something else in training and in evaluation",
        "model.train() before training, model.eval() before evaluating",
        "The flags of the network in each step and in each pass without gradients. Exact.",
        "Monte Carlo dropout (one input several times), networks that feed another one, and frozen normalisation "
        "within a network in "
        "training mode are not reported.",
    ),
    Entry(
        "model.batch_norm_small_batch",
        "Batch too small for batch normalisation",
        "warning",
        "Training is noisy, validation much worse than training.",
        "mean and variance of a few values are mostly noise",
        "larger batches, drop_last=True, or GroupNorm",
        "Values a channel in the batches that batch normalisation sees in training.",
        "Where an image has many positions a small batch has values enough.",
    ),
    Entry(
        "model.collapse",
        "One class predicted for everything",
        "warning",
        "Accuracy equals the share of the most frequent class.",
        "the network ignores its input",
        "class weights, a lower learning rate, other initial weights",
        "Predictions on the last steps looked at, against the targets of the same batches. Of any network: outputs "
        "that differ over a batch by less than a thousandth of their size.",
        "Batches that really hold one class.",
    ),
)
