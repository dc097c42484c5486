"""What was seen of a training, as plain values: the observer writes it, the checks read it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from torch import Tensor


@dataclass
class LossCall:
    """One call of a loss function."""

    kind: str  # the name in torch.nn.functional
    place: str
    step: int
    is_training: bool  # its input carries a gradient, and the network was not in evaluation mode
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass
class Interval:
    """What was seen between one step of an optimiser and the next, where that was looked at closely.

    Args:
        starts_clean: some backward pass began with gradients that were None or zero; None if there was none.
        gradient_norms: of each parameter by name, just before the step; None where it has no gradient.
        weight_norms: of each parameter, before the step.
        update_norms: of the difference that the step made.
    """

    step: int
    num_backwards: int = 0
    starts_clean: bool | None = None
    stale_share: float = 0.0
    batch_sizes: list[int] = field(default_factory=list)
    factors: list[float] = field(default_factory=list)  # what each loss was multiplied by before its backward pass
    gradient_norms: dict[str, float | None] = field(default_factory=dict)
    weight_norms: dict[str, float] = field(default_factory=dict)
    update_norms: dict[str, float] = field(default_factory=dict)
    equal_rows: set[str] = field(default_factory=set)  # weights whose rows are all the same
    learning_rate: float = 0.0


@dataclass
class OptimizerRecord:
    """One optimiser."""

    kind: str
    place: str  # where it was made
    step_place: str = ""
    steps: int = 0
    num_parameters: int = 0
    names: set[str] = field(default_factory=set)
    sizes: dict[str, int] = field(default_factory=dict)  # numbers of values, by name
    parameter_ids: set[int] = field(default_factory=set)
    parameters_with_gradient: set[str] = field(default_factory=set)
    rates: list[float] = field(default_factory=list)  # of the first group, one a step
    zero_rate_steps: int = 0
    intervals: list[Interval] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)  # one a step: the sum over its backward passes
    saw_losses: bool = False
    loss_places: Counter[str] = field(default_factory=Counter)
    decay_on: dict[str, list[str]] = field(default_factory=dict)  # "norm", "bias": names
    maximizes: bool = False
    steps_in_evaluation_mode: int = 0
    steps_in_training_mode: int = 0
    evaluation_mode_place: str = ""  # where it was set
    evaluation_mode_modules: list[str] = field(default_factory=list)
    last_steps_in_evaluation_mode: int = 0
    silent: list[dict[str, Any]] = field(default_factory=list)  # parameters that never had a gradient


@dataclass
class LayerRecord:
    """One module with parameters of its own, or an activation."""

    name: str
    kind: str
    place: str
    calls: int = 0
    calls_without_grad: int = 0


@dataclass
class RootRecord:
    """One network: an outermost module that was called."""

    name: str
    kind: str
    place: str  # where it is made
    call_place: str = ""
    calls_training: int = 0
    calls_evaluating: int = 0  # without gradients
    calls_evaluating_in_training_mode: int = 0
    evaluation_place: str = ""
    feeds_others: bool = False  # what it gave without gradients went into another network
    repeats_inputs: bool = False  # one input several times without gradients: Monte Carlo dropout
    evaluates_within_steps: bool = False  # its calls without gradients lie between those of one step
    mode_modules: list[str] = field(default_factory=list)  # dropout and batch normalisation, by name
    has_loaded_weights: bool = False
    is_compiled: bool = False
    layers: dict[str, LayerRecord] = field(default_factory=dict)
    parameters: dict[str, int] = field(default_factory=dict)  # name: id
    trainable: set[str] = field(default_factory=set)
    inputs: dict[str, Any] = field(default_factory=dict)  # statistics of what first reaches a layer in training
    first_layer: str = ""  # the kind of that layer
    evaluation_inputs: list[dict[str, Any]] = field(default_factory=list)  # of each evaluation, with its place
    redrawn: dict[str, Any] = field(default_factory=dict)  # an evaluation whose samples came again, each altered
    time_axes: Counter[tuple[str, str]] = field(default_factory=Counter)  # recurrent layers: place and what they took
    repeated: dict[str, str] = field(default_factory=dict)  # layers that a container holds several times: place
    output: dict[str, Any] = field(default_factory=dict)
    batch_norm: dict[str, int] = field(default_factory=dict)  # name: fewest values a channel of the usual batch
    batch_sizes: Counter[int] = field(default_factory=Counter)
    equal_rows_at_start: set[str] = field(default_factory=set)
    initial_places: dict[str, str] = field(default_factory=dict)  # of weights that torch.nn.init set
    zero_at_start: set[str] = field(default_factory=set)
    weights_at_start: dict[str, tuple[float, float, float]] = field(default_factory=dict)  # std, He std, Xavier std
    output_layer: str = ""
    spreads: list[tuple[int, float, float]] = field(default_factory=list)  # step, deviation over samples, size
    probe: dict[str, Any] = field(default_factory=dict)
    unowned: list[str] = field(default_factory=list)  # parameters with gradients that no optimiser holds


@dataclass
class UnitRecord:
    """What came out of an activation: read from the graph of the loss."""

    kind: str  # relu, sigmoid, tanh
    layer: str
    step: int
    units: int
    samples: int
    idle: float  # share of units that gave nothing but 0
    saturated: float  # share of units whose outputs are at a bound


@dataclass
class SchedulerRecord:
    """One learning-rate schedule."""

    kind: str
    place: str
    optimizer: int  # index in Record.optimizers, -1 if none
    step_place: str = ""
    steps: int = 0
    horizon: float | None = None  # in steps of its own
    decay_per_step: float | None = None
    steps_before_optimizer: int = 0
    optimizer_steps_at_creation: int = 0
    is_inner: bool = False  # part of another one, which steps it


@dataclass
class LoaderRecord:
    """One DataLoader."""

    place: str
    dataset: str
    dataset_id: int
    num_batches: int | None
    batch_size: int | None
    is_sequential: bool
    num_workers: int
    passes: int = 0
    passes_training: int = 0
    batches: int = 0
    wait_s: float = 0.0
    first_wait_s: float = 0.0
    digests: list[str] = field(default_factory=list)  # of the first batch of each pass
    sample_digests: set[str] = field(default_factory=set)
    samples_seen: int = 0
    is_training: bool = False
    generators: list[str] = field(default_factory=list)  # random generators that the data set holds
    has_worker_init: bool = False
    altered_share: float = 0.0  # of the samples of a second pass, that were others in the first
    seeds_workers_alike: bool = False  # its worker_init_fn leaves two workers with the same generators
    integer_targets: bool = False
    most_batches: int = 0
    passes_ended: int = 0
    evaluations_in_training_mode: int = 0  # passes without a backward pass
    evaluated_roots: set[int] = field(default_factory=set)
    roots: set[int] = field(default_factory=set)  # networks that were called on what it yields
    labels: dict[str, int] = field(default_factory=dict)  # of the samples, by their digests
    contradictions: int = 0  # inputs that occur again with another label


@dataclass
class NotFinite:
    """The first value that was not finite."""

    step: int
    where: str  # batch, parameter, layer, loss
    name: str
    place: str


@dataclass
class Record:
    """All of it."""

    losses: list[LossCall] = field(default_factory=list)
    target_counts: dict[str, dict[str, Any]] = field(default_factory=dict)  # place of a loss: classes and counts
    predictions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    optimizers: list[OptimizerRecord] = field(default_factory=list)
    roots: list[RootRecord] = field(default_factory=list)
    units: list[UnitRecord] = field(default_factory=list)
    schedulers: list[SchedulerRecord] = field(default_factory=list)
    loaders: list[LoaderRecord] = field(default_factory=list)
    graph: dict[str, dict[str, Any]] = field(default_factory=dict)  # place of a backward pass: what its graph shows
    evaluations: list[dict[str, Any]] = field(default_factory=list)  # step, loss, place: without gradients
    rows: tuple[Tensor, Tensor] | None = None  # features and targets of some samples that are learned from
    inputs: tuple[Tensor, Tensor] | None = None  # flattened inputs and classes of some samples that are learned from
    predicted: tuple[Tensor, Tensor] | None = None  # probabilities and labels of the last evaluation
    foreign_layers: dict[str, str] = field(default_factory=dict)  # layers called that no network registers: place
    plain_tensors: dict[str, str] = field(default_factory=dict)  # with gradients, attributes of a network: place
    not_finite: NotFinite | None = None
    failure: dict[str, str] = field(default_factory=dict)  # the exception that ended the script: kind, message, place
    scaler: dict[str, Any] = field(default_factory=dict)
    clips_before_unscale: str = ""
    clips: int = 0
    backwards: int = 0
    elapsed_s: float = 0.0
    stopped_early: str = ""
    compiled: bool = False
    uses_subprocess: str = ""
    moves_by_itself: bool = False  # weights of an optimiser changed though none ever stepped
    is_whole: bool = False  # a script from its beginning
    unseeded: dict[str, str] = field(default_factory=dict)  # generators drawn from without a seed: place, where known
    seeded_anew: dict[str, str] = field(default_factory=dict)  # generators seeded by the clock or the system: place
    unseeded_split: str = ""  # place of a random_split without a seed
    own_failures: Counter[str] = field(default_factory=Counter)  # of the observer itself

    def note_failure(self, what: str, error: Exception) -> None:
        """Count a failure of the doctor itself."""
        self.own_failures[f"{what}: {type(error).__name__}: {str(error)[:200]}"] += 1
