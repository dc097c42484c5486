"""Every threshold of the doctor, with its source.

Sources: TDC is TheDeepChecker (Ben Braiek & Khomh 2023), AT AutoTrainer (Zhang et al. 2021), TP trainproof, GS
gradsnitch, K Karpathy's "A Recipe for Training Neural Networks"; *ours* is a value of this project, set on the
calibration half of ``tests/faults``.
"""

from __future__ import annotations

LEAST_STEPS = 10  # before anything is said of the course of a loss; ours

# Loss and targets ---------------------------------------------------------------------------------------------------
LOG_PROBABILITY_ERROR = 0.05  # |log Σ exp| of a row of log-probabilities: far above the rounding of fp16; ours
SAMPLES_PER_CLASS = 20  # seen, before a class counts as never a target: chance of missing one of 20 is e⁻²⁰; ours
MOST_DEAD_CLASSES = 8  # TP
CONSTANT_OUTPUT = 1e-3  # deviation over a batch, relative to the size of the outputs (TDC)
LEAST_PREDICTIONS = 64  # before they count as all of one class; ours
COLLAPSED_SHARE = 1.0  # of the predictions in one class: exact
LARGEST_CLASS_SHARE = 0.8  # of the targets: above it the answer may be right; ours
IGNORED_SHARE = (0.5, 1.5)  # of an even share of the classes, that the ignored one has; ours
IMBALANCED_SHARE = 0.9  # of the targets in one class, from which weights are worth a warning; ours

# Steps and rates ----------------------------------------------------------------------------------------------------
UNEVEN = 1.2  # largest against smallest batch of an accumulated step; ours
SAME_FACTOR = 0.01  # between the factors of accumulated losses, above rounding; ours
WRONG_MODE_SHARE = 0.1  # of the steps; fewer may be one deliberate phase; ours
ZERO_RATE_WARM_UP = 0.34  # of the steps, the first ones: an epoch of a warm-up that counts from 0; ours
ZERO_RATE_SHARE = 0.1  # of the steps at a rate of 0 (TP)
ZERO_RATE_ERROR = 0.99  # TP
PAST_HORIZON = 1.2  # times a cosine's T_max; ours
SHORT_OF_HORIZON = 0.25  # of it; ours
FALL_WITHIN_AN_EPOCH = 1e-2  # of the rate, by a schedule stepped at each batch; ours
RISEN = 1.5  # loss at the end against the first (TP)
PEAK = 5.0  # highest loss against the first; ours (TDC has 2, against the minimum)
STUCK = 0.95  # loss at the end against the first, from which nothing was learned; TP's 5 %
GROWN = 1e3  # loss (AT) against its first value, before it overflows
LARGE_UPDATE = 0.1  # norm of an update relative to the weights, TDC's log10 ≥ −1; K's target is 1e-3
LEAST_BACKWARDS = 3  # without a step, before it counts as forgotten; ours
STANDS_STILL = 0.05  # TP
MOVED = 0.02  # of the weights' norm, by all steps together; ours

# Gradients and initial weights --------------------------------------------------------------------------------------
HUGE_GRADIENT = 1e4  # norm, at a loss of 1; ours (TDC has a mean of 1e6)
GRADIENT_SPIKE = 100.0  # times the median; ours (TP has 10)
VANISHING_RATIO = 1e-3  # first layer against last (AT)
VANISHED = 1e-4  # norm of the first layer's gradient (AT)
NEAR_START = 0.1  # the loss has fallen by less: GS requires a loss near its start
GRADIENT_BAND = (1e-6, 1e3)  # mean |g| of a layer, N1 §1.7.2
DEEP = 3  # layers with weights, before gradients can vanish between them
FIRST_LOSS = 2.0  # times ln K: TDC's deviation of 100 %
FIRST_LOSS_MARGIN = 0.5  # added to it, for few classes; ours
LARGE_WEIGHTS = 5.0  # times He's standard deviation; ours
LARGE_GAIN = 1e3  # of all layers together, against He's 1; ours
SMALL_OUTPUTS = 0.05  # deviation of the first outputs over a batch, from which small weights matter; ours
SMALL_WEIGHTS = 10.0  # PyTorch's standard deviation over this; ours

# Units --------------------------------------------------------------------------------------------------------------
AT_A_BOUND = 0.95  # mean |tanh| from which a unit counts as saturated; ours, TDC's histogram index is 0.85
SATURATED_SHARE = 0.5  # of a layer's units (TDC)
DEAD_SHARE = 0.5  # of a layer's units that gave nothing for any sample (TDC)
LEAST_SAMPLES_OF_A_UNIT = 256  # before a unit counts as dead: the catalogue's trap of small probes
LEAST_UNITS = 4  # of a layer, before a share of them means anything; ours
SMALL_BATCH = 8  # of batch normalisation; ours
BATCH_NORM_VALUES = 16  # a channel, positions of an image included; ours

# Data ---------------------------------------------------------------------------------------------------------------
LARGE_STD = 10.0  # of an input; ours
LARGE_MEAN = 30.0  # ours
DARKEST = 0.02  # largest pixel; ours
FLATTEST = 0.02  # standard deviation of pixels; ours
FLAT_SIZE = 0.1  # largest pixel at which that counts; ours
FAR_FROM_ZERO = 10.0  # standard deviations, of pixels that hardly differ; ours
CHANNEL_PERIOD = 0.85  # difference of pixels three apart, against that of neighbours: images are smooth; ours
SHIFT = 0.9  # of a mean, in standard deviations; masks and noise that training alone has move it by less; ours
SPREAD = 3.0  # ratio of standard deviations; ours
OTHER_SCALE = (5.0, 10.0)  # the same of an evaluation after the first: more than other samples explain; ours
LEAST_SAMPLES_TO_COMPARE = 8  # ours
ALTERED_SHARE = 0.2  # of a second pass over the same samples: half of them where one in two is mirrored; ours
DUPLICATES = 0.02  # of the samples of a split; ours, tables have some by chance
ALL_DUPLICATES = 0.98  # of them; ours
LEAST_ROWS = 64  # before a feature counts as giving the target away; ours
MOST_CLASSES_OF_A_COLUMN = 20  # whole numbers with more values are a quantity; ours
TELLS_CLASSES = 0.995  # of the rows, by one feature alone; ours
TELLS_VALUES = 0.999  # R² of one feature alone; ours
LEAST_PREDICTED = 100  # samples, before labels are doubted; ours
TOO_SURE = 0.1  # mean probability of the predicted class over the accuracy; ours
GOOD_ENOUGH = 0.6  # accuracy, from which mistakes may be those of the labels; ours
NOISY_SHARE = 0.03  # of the samples; ours
AS_SURE = 0.75  # of mistakes against right predictions, medians; ours
# Neighbours: set on digits, Fashion-MNIST (800 and 2,000 images), wine, iris and synthetic classes, with 0, 10, 20 and
# 40 % of wrong labels. Shuffled labels agree within 2 deviations of chance, true ones are 24 and more above it.
LEAST_NEIGHBOURHOODS = 200  # samples; ours
LEAST_PIXELS = 64  # features, from which they are taken for values of one kind, such as those of a picture; ours
NEAR = 0.7  # distance of the nearest against the median of all; ours
LEVEL_OF_NEIGHBOURS = 0.01  # of the permutation test; ours
LEAST_CLASSES_OF_NOISE = 6  # with fewer, overlapping classes look like noise: three blobs gave alarms; ours
LEAST_CLEAR = 0.12  # of the samples have neighbours who agree; ours
EVEN_NOISE = 0.03  # clean digits have 0.000, with 10 % 0.054; clean Fashion-MNIST 0.001; ours
EVEN_NOISE_UNCLEAR = 0.1  # added for the share of samples whose neighbours do not agree; ours
WAITING_SHARE = 0.5  # of the time (the catalogue)
WAITING_S = 0.002  # a batch: below that the network is too small for its loader to matter; ours

# Mixed precision ----------------------------------------------------------------------------------------------------
FIRST_HALVINGS = 20  # steps within which the scale is found; ours: 2¹⁶ halves 16 times at most
HALVINGS = 3  # in 100 steps (the catalogue)

# Curves -------------------------------------------------------------------------------------------------------------
LEAST_EVALUATIONS = 3  # TP has 4
RISEN_EVALUATION = 1.2  # TP
LEAST_FOR_OSCILLATION = 6  # evaluations; ours
TURNS = 0.5  # of the steps between evaluations (TDC)
SWING = 0.2  # of the mean loss; ours
LEAST_STEPS_OF_A_CURVE = 40  # ours
STILL_FALLING = 0.1  # last quarter against the third; ours
FAR_FROM_DONE = 0.3  # of the first loss; ours
HARDLY_LEARNED = 0.9  # of the first loss; ours
FEW_STEPS = 40  # in a whole training; ours
FEW_FELL = 0.5  # of the first loss, still left after them; ours
FAR_FROM_CERTAIN = 0.5  # of ln K, at the end of training; ours
LEFT_EARLY = 0.5  # of a loader's batches; ours
BY_HEART = 0.1  # of the first loss, from which on one batch counts as learned; ours
AT_CHANCE = 0.97  # of ln K; ours
LEARNED = 0.7  # of ln K; ours
