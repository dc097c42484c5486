"""Faults of the step: gradients, optimisers, rates, initial weights."""

from __future__ import annotations

from fathom.doctor.catalog.entry import Entry

ENTRIES = (
    Entry(
        "step.gradients_not_cleared",
        "Gradients not cleared",
        "error",
        "Training is erratic or diverges, as if the learning rate grew with every step.",
        "backward adds to the gradients: each step uses the sum of all gradients since the beginning",
        "optimizer.zero_grad() before each backward()",
        "Between two steps of an optimiser, some backward pass must begin with gradients that are None or 0. If none "
        "does on most "
        "of the steps looked at, old gradients enter the step. Exact: no threshold.",
        "Accumulation over several backward passes clears them once a step and is not reported, nor are two losses, "
        "two optimisers, or "
        "`zero_grad` after the step.",
    ),
    Entry(
        "step.parameters_not_updated",
        "Parameters that are not updated",
        "error",
        "Part of the network stays at its initial weights.",
        "these parameters have gradients but no optimiser changes them",
        "make the optimiser after the network is complete: optim.SGD(model.parameters(), lr)",
        "Parameters that a backward pass reaches and that no optimiser holds; parameters of an optimiser that stay "
        "the same over all "
        "steps looked at although gradient and learning rate are not 0; an optimiser none of whose parameters ever "
        "has a gradient; backward passes that no step follows. Exact.",
        "For weights that were loaded (fine-tuning) an optimiser of the head alone is usual: that is a note.",
    ),
    Entry(
        "step.uneven_accumulation",
        "Accumulation over uneven batches",
        "warning",
        "Accumulated steps do not equal those of one large batch.",
        "a mean of means weighs the samples of a small batch more",
        "sum the losses and divide by the number of samples or tokens of all batches together",
        "The numbers of targets of the batches of one step are compared, where the losses are means.",
        "A last, smaller batch of an epoch alone is not reported.",
    ),
    Entry(
        "lr.too_high",
        "Learning rate too high",
        "error",
        "The loss rises, jumps, or ends where it began.",
        "each step moves the weights further than the gradient is good for",
        "divide the learning rate by 10; clip gradients; warm up",
        "Loss at the end against that of the beginning, together with the size of the steps relative to the weights.",
        "Rates are never judged by their value alone.",
    ),
    Entry(
        "lr.too_low",
        "Learning rate too low",
        "warning",
        "The loss hardly falls from the first step to the last.",
        "the steps are so small that the weights hardly move in all of them together",
        "multiply the learning rate by 10",
        "The loss stands still while the weights have moved by far less than their own size over the whole run.",
        "A run that begins with trained weights may have nothing to learn.",
    ),
    Entry(
        "lr.zero",
        "Learning rate 0",
        "error",
        "The loss stands still from some step on.",
        "with a rate of 0 a step changes nothing",
        "look at the schedule's horizon: it must be the number of steps that are taken",
        "Steps whose groups all have a rate of 0, or one that is a millionth of the highest.",
        "The first steps of a warm-up and the last of a cosine are no fault.",
    ),
    Entry(
        "lr.schedule_rhythm",
        "Schedule stepped at the wrong rhythm",
        "warning",
        "The learning rate falls far too early, never falls, or rises again.",
        "the schedule counts other steps than those it was planned for",
        "one scheduler.step() for each unit of its horizon: after each optimizer.step() if T_max counts steps, after "
        "each epoch if it "
        "counts epochs",
        "The schedule's own horizon against how often it was stepped, the optimiser's steps and the epochs. A "
        "schedule that is never "
        "stepped, or stepped before the optimiser, is reported too.",
        "Plateau schedules have no horizon. A run that was stopped early is not judged by its end.",
    ),
    Entry(
        "gradient.vanishing",
        "Vanishing gradients",
        "warning",
        "The first layers hardly change, the loss stays near its beginning.",
        "gradients shrink from layer to layer on the way back",
        "residual connections, normalisation, ReLU, He initialisation",
        "Norm of the gradient of the first layer against the last one, on the steps looked at, while the loss is "
        "still near its start.",
        "A run that has converged has small gradients everywhere and is not reported.",
    ),
    Entry(
        "gradient.exploding",
        "Exploding gradients",
        "error",
        "The loss jumps or becomes nan, mostly in recurrent and very deep networks.",
        "gradients grow from layer to layer on the way back, and a step then throws the weights far away",
        "torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)",
        "Norms of the gradients before the step: huge, or growing from one look to the next, or a single spike far "
        "above the median.",
        "With clipping the norms are those after it. A spike that the loss does not show is not reported.",
    ),
    Entry(
        "init.symmetric",
        "Equal initial weights",
        "error",
        "The network learns no more than one unit per layer could.",
        "units with equal weights get equal gradients and stay equal for ever",
        "leave PyTorch's initialisation, or nn.init.kaiming_uniform_(layer.weight)",
        "All rows of a hidden layer's weight are equal at the start, and their gradients on later steps are equal "
        "too. Exact.",
        "Layers that begin with 0 on purpose (last layers, residual branches, LoRA's B) get unequal gradients and are "
        "not reported.",
    ),
    Entry(
        "init.scale",
        "Initial weights of the wrong scale",
        "warning",
        "The first loss is far above ln K, or the first layers saturate.",
        "too large weights make certain, wrong outputs; too small ones let signals die",
        "nn.init.kaiming_normal_ for ReLU, xavier_uniform_ for tanh and sigmoid",
        "First cross-entropy against that of equal probabilities, ln K; standard deviation of the weights against "
        "He's and Xavier's.",
        "Loaded weights are not judged. A bias set to the logarithm of the classes' shares lowers the first loss.",
    ),
    Entry(
        "optimizer.decay_on_norm_and_bias",
        "Weight decay on normalisation and biases",
        "note",
        "None in most runs; small losses of accuracy.",
        "decay pulls scales and biases to 0, where they limit nothing",
        "two parameter groups: weight_decay=0 for parameters with one dimension",
        "The groups of the optimiser are inspected.",
        "The harm is small: it is a note.",
    ),
    Entry(
        "precision.overflow",
        "Mixed precision: overflow, or clipping before unscaling",
        "error",
        "Steps are skipped, or clipping stops all learning.",
        "scaled gradients are as large as the scale: clipped before scaler.unscale_ they shrink to nothing",
        "scaler.scale(loss).backward(); scaler.unscale_(optimizer); clip_grad_norm_(…); scaler.step(optimizer)",
        "The order of `scale`, `unscale_` and clipping; how often the scale was halved.",
        "The first halvings find the scale and are normal.",
    ),
)
