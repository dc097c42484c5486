"""Faults of the loss."""

from __future__ import annotations

from fathom.doctor.catalog.entry import Entry

ENTRIES = (
    Entry(
        "loss.softmax_before_cross_entropy",
        "Softmax before cross-entropy",
        "error",
        "The training loss stops just above ln(1 + (K − 1)/e), 1.461 for ten classes, while accuracy still rises "
        "slowly.",
        "cross_entropy takes logits and applies log-softmax itself: after a softmax its gradient nearly vanishes",
        "return the logits: remove the softmax from the network, keep it for prediction",
        "The input of `cross_entropy` is followed back through the autograd graph to the operation that made it. A "
        "softmax or a "
        "sigmoid there is the fault. Probabilities made another way are known by their rows: none below 0, each with "
        "the sum 1.",
        "`log_softmax` before `cross_entropy` changes nothing and is not reported. A softmax inside a compiled or "
        "scripted network is "
        "seen by its rows alone.",
    ),
    Entry(
        "loss.sigmoid_before_bce_with_logits",
        "Sigmoid before binary cross-entropy with logits",
        "error",
        "The loss stops at 0.313 for positives and 0.693 for negatives at best; the network never becomes certain.",
        "binary_cross_entropy_with_logits applies the sigmoid itself: after another one its input stays within 0 and 1",
        "drop the sigmoid, or use binary_cross_entropy (BCELoss) with it",
        "The input of the loss is followed back through the autograd graph to a sigmoid or softmax.",
        "Logits that happen to lie within 0 and 1 are not reported: the sigmoid itself is required.",
    ),
    Entry(
        "loss.wrong_kind",
        "A loss fed with the wrong kind of values",
        "error",
        "The loss is negative, stands at 0, or has nothing to do with the accuracy.",
        "the loss computes something else than what is wanted from these values",
        "nll_loss takes log_softmax outputs, cross_entropy takes logits and class numbers, mse_loss takes values",
        "`nll_loss` and `kl_div` must be given log-probabilities: the logarithm of the sum of their exponentials is 0 "
        "in each row. "
        "`cross_entropy` needs two outputs at least. Class numbers as targets of `mse_loss` are known by their type "
        "in the loader "
        "or, as a note, by being whole numbers from 0 on without a gap.",
        "Ratings and counts are whole numbers too: without a sign that they are classes the finding is a note.",
    ),
    Entry(
        "loss.target_broadcast",
        "Predictions and targets of other shapes, broadcast",
        "error",
        "A regression stops at the variance of its targets: it predicts their mean for every sample.",
        "N × 1 against N gives all N × N pairs, whose mean square is least when every prediction is the mean target",
        "give both one shape: loss(prediction.squeeze(1), y)",
        "Shapes of prediction and target are compared at `mse_loss`, `l1_loss`, `smooth_l1_loss` and `huber_loss`; "
        "for a loss written "
        "out, the graph shows a difference of N × N values from N predictions and targets without a gradient.",
        "Deliberate broadcasting of one target to a whole batch, such as 1 or a single row, is not reported.",
    ),
    Entry(
        "loss.wrong_sign",
        "Loss of the wrong sign",
        "error",
        "The loss falls below 0, or rises, and the metric gets worse with every epoch.",
        "the optimiser goes down the loss: with a minus before it, it learns to be wrong",
        "remove the minus before the loss, or maximize=True from the optimiser",
        "The only path from `backward` to a known loss holds an odd number of minus signs, or the optimiser maximises "
        "it; and all "
        "parameters that the loss reaches belong to the optimiser that steps.",
        "Adversarial parts, whose gradients pass through another network, are not reported; a loss written out by "
        "hand is judged only "
        "by its course.",
    ),
    Entry(
        "loss.not_finite",
        "NaN or infinity",
        "error",
        "The loss becomes nan or inf, and everything after it.",
        "once a value is not finite, the next step makes all weights so",
        "lower the learning rate, clip gradients, look for invalid values in the data, keep logarithms away from 0",
        "The loss of each step is looked at. At the first that is not finite, the batch, the parameters and the "
        "layers are searched in "
        "this order for the first value that is not finite.",
        "Steps that a gradient scaler skips are no fault and not reported. On a GPU the loss is read only now and "
        "then, so that the "
        "place is known less well.",
    ),
    Entry(
        "loss.oscillates",
        "Loss oscillates",
        "note",
        "The loss jumps up and down from epoch to epoch without getting lower.",
        "the steps are too large for the noise of the batches",
        "lower the learning rate, use larger batches, or average the weights",
        "Validation losses: their direction changes in most epochs, by more than a fifth of their mean.",
        "Tiny validation splits, adversarial and reinforcement learning look the same.",
    ),
)
