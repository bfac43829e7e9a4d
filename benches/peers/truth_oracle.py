"""The figures of train/src/truth/expected.rs by plain sums over all pairs and rows: the numbers in its test.

    python3 benches/peers/truth_oracle.py
"""

import math


def fixture(n_rows):
    state = 7

    def draw():
        nonlocal state
        state = (1103515245 * state + 12345) % 2**31
        return state / 2**31

    truth, probabilities, weights = [], [], []
    for _ in range(n_rows):
        p = draw()
        truth.append(p)
        # Rust rounds halves away from zero.
        probabilities.append(math.floor((0.7 * p + 0.3 * draw()) * 100 + 0.5) / 100)
        weights.append([0.25, 0.5, 1.0][int(3 * draw())])
    return truth, probabilities, weights


def expected(p, q, w):
    n, total = len(p), sum(w)
    above = pairs = 0.0
    for i in range(n):
        for j in range(n):
            if i == j:
                continue
            weight = w[i] * w[j] * p[i] * (1 - p[j])
            pairs += weight
            above += weight * (1.0 if q[i] > q[j] else 0.5 if q[i] == q[j] else 0.0)
    mean = lambda of: math.fsum(w[i] * of(p[i], q[i]) for i in range(n)) / total
    order = sorted(range(n), key=lambda i: q[i])
    bins = max(1, min(20, n // 100))
    error = gap = filled = 0.0
    for i in order:
        gap += w[i] * (q[i] - p[i])
        filled += w[i]
        if filled >= total / bins * (1 - 1e-9):
            error += abs(gap)
            gap = filled = 0.0
    return [
        mean(lambda p, q: p),
        above / pairs,
        mean(lambda p, q: -p * math.log(q) - (1 - p) * math.log(1 - q)),
        mean(lambda p, q: p * (1 - q) ** 2 + (1 - p) * q * q),
        mean(lambda p, q: (q - p) ** 2),
        mean(lambda p, q: abs(q - p)),
        (error + abs(gap)) / total,
    ]


if __name__ == "__main__":
    for figure in expected(*fixture(400)):
        print(repr(figure))
