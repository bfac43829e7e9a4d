"""The figures of train/src/lead_time.rs from their definitions, written a second time: the numbers in its test.

    python3 benches/peers/lead_time_oracle.py
"""

import math
import statistics

BUDGET = 0.1


def fixture():
    state = 7

    def draw():
        nonlocal state
        state = (1103515245 * state + 12345) % 2**31
        return state / 2**31

    ends, risks, churned = [], [], []
    for _ in range(120):
        ends.append(math.floor(40 + 300 * draw()))
        risks.append(draw())
        churned.append(draw() < risks[-1] ** 2)
    scorings = []
    for scoring in range(8):
        here = {}
        for renewal in range(120):
            days = ends[renewal] - 30 * scoring
            if days > 0:
                here[renewal] = (days, math.floor((risks[renewal] + 0.5 * draw()) * 20))
        scorings.append(here)
    return scorings, churned


def main():
    scorings, churned = fixture()
    flagged = []
    for here in scorings:
        k = max(1, math.floor(BUDGET * len(here) + 0.5))
        flagged.append(set(sorted(here, key=lambda renewal: (-here[renewal][1], renewal))[:k]))
    lead, reach = {}, {}
    for renewal in range(len(churned)):
        if not churned[renewal]:
            continue
        lead[renewal] = 0
        reach[renewal] = scorings[1].get(renewal, (0,))[0]
        for number in range(1, len(scorings)):
            if renewal in scorings[number] and renewal in flagged[number] and renewal in flagged[number - 1]:
                lead[renewal] = scorings[number][renewal][0]
                break
    for days in (30, 45, 60, 90, 180):
        asked = [renewal for renewal in lead if reach[renewal] >= days]
        print(f"({len(asked)}, {sum(lead[renewal] >= days for renewal in asked) / len(asked)!r}),")
    ever = set().union(*flagged)
    pairs = changes = right = scored = 0
    for before, after, a, b in zip(scorings, scorings[1:], flagged, flagged[1:]):
        for renewal in after:
            pairs += renewal in a or renewal in b
            changes += (renewal in a) != (renewal in b)
    for here, alert in zip(scorings, flagged):
        scored += len(here)
        right += sum((renewal in alert) == churned[renewal] for renewal in here)
    print(statistics.median(lead.values()))
    print(repr(sum(churned[renewal] for renewal in ever) / len(ever)))
    print(repr(changes / pairs))
    print(repr(right / scored))


if __name__ == "__main__":
    main()
