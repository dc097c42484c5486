// Twelve things to try, each with what must hold of settings and result for it to be done.

const units = (s) => s.layers.reduce((a, b) => a + b, 0);
const plain = (s) => s.features.every((name) => name === "x" || name === "y");
const sure = (f, share) => f.val_accuracy >= share;

export const CHALLENGES = [
  ["Split the moons: validation accuracy of 98%", { points: "moons" }, (s, f) => s.points === "moons" && sure(f, 0.98)],
  ["The circle without a hidden layer: which features?", { points: "circle", layers: [] }, (s, f) => s.points === "circle" && !s.layers.length && sure(f, 0.98)],
  ["XOR with one feature and no hidden layer", { points: "xor", layers: [], features: ["x"] }, (s, f) => s.points === "xor" && !s.layers.length && s.features.length === 1 && sure(f, 0.98)],
  ["XOR from x and y with three units", { points: "xor", layers: [3], features: ["x", "y"] }, (s, f) => s.points === "xor" && plain(s) && units(s) <= 3 && sure(f, 0.95)],
  ["The circle with three ReLU units: why a triangle?", { points: "circle", layers: [3], activation: "relu" }, (s, f) => s.points === "circle" && s.activation === "relu" && plain(s) && units(s) <= 3 && sure(f, 0.95)],
  ["The spiral with eight units, from x and y", { points: "spiral", layers: [8], noise: 0.02 }, (s, f) => s.points === "spiral" && plain(s) && units(s) <= 8 && sure(f, 0.8)],
  ["The spiral at 95%, from x and y", { points: "spiral", layers: [8, 8], noise: 0.02 }, (s, f) => s.points === "spiral" && plain(s) && sure(f, 0.95)],
  ["No hidden unit helps a linear network: show that the moons stay below 95%", { points: "moons", activation: "linear", layers: [8, 8], noise: 0.2 }, (s, f) => s.points === "moons" && s.activation === "linear" && units(s) >= 8 && f.step >= 300 && f.val_accuracy < 0.95],
  ["Learn by heart: training 100%, validation 10 points below", { points: "moons", noise: 0.5, layers: [8, 8], num_points: 60 }, (s, f) => f.train_accuracy === 1 && f.val_accuracy <= 0.9],
  ["Kill the units: a layer whose ReLUs are half dead", { activation: "relu", layers: [8, 8], lr: 3 }, (s, f) => (f.comments ?? []).some((c) => c.code === "model.dead_units")],
  ["Let the gradient vanish through six sigmoid layers", { activation: "sigmoid", layers: [4, 4, 4, 4, 4, 4], init: "normal:0.01" }, (s, f) => (f.comments ?? []).some((c) => c.code === "gradient.vanishing")],
  ["Rescue those six layers: 95% with batch normalisation or another start", { points: "moons", activation: "sigmoid", layers: [4, 4, 4, 4, 4, 4], batch_norm: true }, (s, f) => s.activation === "sigmoid" && s.layers.length >= 6 && sure(f, 0.95)],
];
