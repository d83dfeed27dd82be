// Rates from counters: the totals of the last seconds, as this page has seen them.

const window = 10_000;
let samples = [];

/** Notes the totals of a screen's queues, or of its one queue. */
export function noteTotals({ data: { queue, queues } }) {
    const known = queue ? [queue] : queues?.queues;
    if (!known) return;
    const at = performance.now();
    if (samples.length && at - samples.at(-1).at < 1000) return;
    samples = samples.filter((sample) => at - sample.at <= window);
    samples.push({ at, totals: new Map(known.map(({ name, totals }) => [name, totals])) });
}

/**
 * Counts for each second over the last ten, of one queue or of all; null before there are two samples. A queue that is new
 * counts from nothing; one that was deleted does not count backwards.
 */
export function rateOf(field, queue) {
    const [first, last] = [samples[0], samples.at(-1)];
    if (first === last) return null;
    let sum = 0;
    for (const name of queue ? [queue] : last.totals.keys()) {
        const before = first.totals.get(name);
        const after = last.totals.get(name);
        if (before && after) sum += Math.max(0, after[field] - before[field]);
    }
    return (sum * 1000) / (last.at - first.at);
}
