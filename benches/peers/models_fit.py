"""Boosting, side by side: LightGBM, XGBoost and Holdfast fit the same rows, one thread each, in turns.

100 trees of 31 leaves on 40 columns (normal, skewed, counts, flags, missing values), 100,000 and 1,000,000 rows, and
200,000 others to judge by. CPU seconds include binning: from numbers in memory to the fitted model. Of CPU seconds the
least of all turns counts, of log loss the mean: 100,000 rows are other rows in each turn, since one set of so many
tells learners apart to no better than 0.001. Then Holdfast again with two threads, by the clock.

    python3 -m venv target/peers
    target/peers/bin/pip install lightgbm==4.7.0 xgboost==3.2.0 numpy==2.4.6 scipy==1.17.1
    target/peers/bin/python benches/peers/models_fit.py
"""

import json
import pathlib
import subprocess
import sys
import time

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parents[2]
DATA = ROOT / "target" / "peers" / "models_fit.bin"
TRAIN, HOLDOUT, WIDTH, TREES, LEAVES, RATE = 1_000_000, 200_000, 40, 100, 31, 0.1
SIZES = {100_000: 8, 1_000_000: 3}
PEERS = ("lightgbm", "lightgbm quantised", "xgboost")


def write_data():
    rng = np.random.default_rng(7)
    n = TRAIN + HOLDOUT
    x = rng.standard_normal((n, WIDTH))
    x[:, 10:15] = np.exp(x[:, 10:15])
    x[:, 15:20] = rng.poisson(3, (n, 5))
    x[:, 20:25] = rng.integers(0, 2, (n, 5))
    x[:, 25:30] = rng.integers(0, 12, (n, 5))
    logit = -2 + 0.8 * x[:, 0] - 0.6 * x[:, 1] + 0.7 * x[:, 2] * x[:, 3] + 0.5 * np.log1p(x[:, 10])
    logit += 0.4 * (x[:, 15] > 4) + 0.5 * x[:, 20] * x[:, 4] + 0.6 * np.sin(2 * x[:, 5]) + 0.1 * x[:, 25]
    x[:, 30:40][rng.random((n, 10)) < 0.15] = np.nan
    logit += np.where(np.isnan(x[:, 30]), 0.8, 0.3 * x[:, 30])
    y = rng.random(n) < 1 / (1 + np.exp(-logit))
    DATA.parent.mkdir(parents=True, exist_ok=True)
    with open(DATA, "wb") as file:
        np.array([n, WIDTH], "<u8").tofile(file)
        x.astype("<f8").tofile(file)
        y.astype("<f8").tofile(file)


def read_data():
    words = np.fromfile(DATA, "<f8")
    n, width = np.fromfile(DATA, "<u8", 2)
    return words[2 : 2 + n * width].reshape(n, width), words[2 + n * width :]


def log_loss(y, p):
    return -np.mean(y * np.log(p) + (1 - y) * np.log1p(-p))


def fit_peer(name, first, n_rows):
    """CPU seconds and holdout log loss of a peer, in a process of its own."""
    x, y = read_data()
    rows, holdout = slice(first, first + n_rows), slice(TRAIN, None)
    train, labels = np.ascontiguousarray(x[rows]), y[rows]
    if name == "xgboost":
        import xgboost

        start = time.process_time()
        data = xgboost.QuantileDMatrix(train, labels, max_bin=255, nthread=1)
        params = dict(objective="binary:logistic", tree_method="hist", grow_policy="lossguide", max_leaves=LEAVES)
        params |= dict(max_depth=0, eta=RATE, max_bin=255, nthread=1, min_child_weight=1e-3)
        params |= {"lambda": 0.0}
        model = xgboost.train(params, data, TREES)
        seconds = time.process_time() - start
        predicted = model.inplace_predict(x[holdout])
    else:
        import lightgbm

        params = dict(objective="binary", num_leaves=LEAVES, learning_rate=RATE, max_bin=255, num_threads=1)
        params |= dict(verbose=-1, use_quantized_grad=name.endswith("quantised"))
        start = time.process_time()
        model = lightgbm.train(params, lightgbm.Dataset(train, labels), TREES)
        seconds = time.process_time() - start
        predicted = model.predict(x[holdout])
    return dict(cpu=seconds, log_loss=log_loss(y[holdout], predicted.astype(float)))


def run(*command):
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main():
    if not DATA.exists():
        write_data()
    subprocess.run(
        ["cargo", "build", "--quiet", "--release", "--package", "holdfast-benches", "--example", "models_fit"],
        check=True,
        cwd=ROOT,
    )
    ours = str(ROOT / "target" / "release" / "examples" / "models_fit")
    print(f"{'rows':>9}  {'learner':<20} {'CPU s':>7} {'vs LightGBM':>11} {'log loss':>9} {'difference':>10}")
    for n_rows, n_turns in SIZES.items():
        firsts = [str(turn * n_rows % TRAIN) for turn in range(n_turns)]
        turns = [
            {name: run(sys.executable, __file__, name, first, str(n_rows)) for name in PEERS}
            | {"holdfast": run(ours, str(DATA), first, str(n_rows), "1")}
            for first in firsts
        ]
        least = {name: min(turn[name]["cpu"] for turn in turns) for name in turns[0]}
        loss = {name: np.mean([turn[name]["log_loss"] for turn in turns]) for name in turns[0]}
        for name, seconds in least.items():
            ratio, difference = seconds / least["lightgbm"], loss[name] - loss["lightgbm"]
            print(f"{n_rows:>9}  {name:<20} {seconds:>7.2f} {ratio:>11.2f} {loss[name]:>9.5f} {difference:>+10.5f}")
        walls = [[run(ours, str(DATA), "0", str(n_rows), threads)["wall"] for threads in "12"] for _ in firsts]
        one, two = (min(column) for column in zip(*walls))
        print(f"{n_rows:>9}  holdfast by the clock: one thread {one:.2f} s, two {two:.2f} s, {one / two:.2f} times", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        print(json.dumps(fit_peer(sys.argv[1], *map(int, sys.argv[2:]))))
    else:
        main()
