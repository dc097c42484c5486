"""Faults of the data."""

from __future__ import annotations

from fathom.doctor.catalog.entry import Entry

ENTRIES = (
    Entry(
        "data.not_scaled",
        "Inputs not scaled",
        "warning",
        "The loss is huge at first, or training is slow or diverges.",
        "large or unequal inputs make gradients large or unequal, and one learning rate cannot fit all",
        "subtract the mean and divide by the standard deviation of the training split, in the model",
        "Standard deviation and range of the first training batch, for each feature of a table.",
        "Inputs that go into a normalisation or an embedding first are not reported.",
    ),
    Entry(
        "data.scaled_twice",
        "Inputs scaled twice",
        "warning",
        "Training is slow: all inputs are nearly the same.",
        "divided twice, pixels lie within 0 and 0.004",
        "scale once: ToTensor() already divides by 255",
        "Range and standard deviation of images in the first training batch.",
        "Very dark images.",
    ),
    Entry(
        "data.other_statistics_at_prediction",
        "Other normalisation at prediction",
        "warning",
        "Validation is far worse than training from the first epoch on.",
        "the network is evaluated on inputs of another scale than those it learned from",
        "the same transform for both, best within the model",
        "Mean and standard deviation of the inputs with and without gradients are compared; of evaluations after the "
        "first only a scale ten times as large or small counts.",
        "A real shift between the splits looks the same.",
    ),
    Entry(
        "data.layout",
        "Channel order or layout",
        "warning",
        "The network trains, but far worse than expected.",
        "height, width and channels stand in another order than the convolution reads them",
        "x.permute(0, 3, 1, 2), not x.reshape(…)",
        "Numbers of channels at the first convolution; differences of neighbouring pixels, which repeat with the "
        "period of the channels "
        "in images that were reshaped.",
        "Images with many channels.",
    ),
    Entry(
        "data.labels_out_of_range",
        "Labels out of range, or off by one",
        "error",
        "An index error, or an output that is never right.",
        "class numbers must be 0 to K − 1",
        "count from 0: y = y - 1, and as many outputs as classes",
        "Targets of the losses against the number of outputs; classes that are never a target while most are.",
        "Classes that are rare, and a background class.",
    ),
    Entry(
        "data.labels_shuffled",
        "Labels shuffled against inputs",
        "note",
        "Training loss falls slowly or not at all, validation stays at chance.",
        "inputs and labels do not belong together",
        "check joins and sorting: shuffle both with one permutation",
        "Statistical: training goes well below the loss of chance while validation stays at it; or the five nearest "
        "inputs of a sample have its label no more often than shuffled labels do, by a permutation test at 1 %.",
        "A hopeless task, or very little data.",
    ),
    Entry(
        "data.label_noise",
        "Label noise",
        "note",
        "Training loss stays above 0.",
        "some labels are wrong",
        "look at the samples that are ranked first, and at those with the highest loss",
        "Exact: one input that occurs twice, with different labels. Statistical: in the last evaluation, samples that "
        "the network "
        "takes for another class with at least the probability that samples of that class get on average, if its "
        "mistakes are as "
        "sure as its right answers. A network that is surer than it is right is not judged. "
        "With six classes and more also: labels that "
        "contradict the nearest inputs, if they do so between classes that are not alike too.",
        "Classes that cannot be told apart look the same.",
    ),
    Entry(
        "data.duplicates_across_splits",
        "Duplicates across splits",
        "warning",
        "Validation is as good as training.",
        "samples that are learned from are evaluated on too",
        "split by group, after removing duplicates",
        "Digests of the samples of every loader in its first pass, compared between those that one network is trained "
        "and evaluated on.",
        "Tables with few values; augmented samples have other digests and are not found.",
    ),
    Entry(
        "data.leakage",
        "Leakage",
        "note",
        "Validation is too good to be true.",
        "a column, a group or the time gives the target away",
        "drop the column; split by group or time",
        "Rows of features on the first steps: one feature that alone gives the target, linearly or by an interval of "
        "its values for "
        "each class. `fathom check` looks at groups and time as well.",
        "A feature that is known at prediction, and tasks made up so that one feature decides.",
    ),
    Entry(
        "data.split_differs",
        "Split differs by rank or run",
        "error",
        "Results differ from run to run; ranks validate on what others train on.",
        "the split is drawn without a seed of its own",
        "torch.Generator().manual_seed(0) for the split",
        "`random_split` that draws from a generator which nothing has seeded is a note. Validation samples that one "
        "network has learned "
        "from under an earlier split are an error: their digests are compared over all loaders. Exact.",
        "Folds with a network of their own each are not reported. Ranks in other processes are not seen.",
    ),
    Entry(
        "data.augmented_validation",
        "Augmentation on the validation split",
        "warning",
        "Validation differs from one pass to the next with the same weights.",
        "random changes are drawn for validation too",
        "a second data set without augmentation for validation",
        "The first batch of a loader that does not shuffle and is only evaluated on: two passes must give the same. "
        "Exact. Without such a loader: samples of a later evaluation that are near to those of an earlier one, "
        "one by one, but not the same.",
        "Test-time augmentation; noise that a network is to remove, which is left out where the target is the input.",
    ),
    Entry(
        "data.same_augmentation_in_workers",
        "Same augmentation in every worker",
        "warning",
        "Less variety than augmentation promises.",
        "every worker begins with a copy of the data set's own random generator",
        "worker_init_fn that seeds it from torch.initial_seed(), or draw from torch",
        "A loader with several workers and no `worker_init_fn`, whose data set holds a random generator of its own; a "
        "`worker_init_fn` that does nothing but seed, and leaves two workers with the same generator.",
        "A generator that is used only to set the data set up.",
    ),
)
