// Rates from counters: the totals of the last minutes, as this page has seen them.

const kept = 300;
const window = 10_000;
let samples = [];

/** Notes the totals of a screen's queues, or of its one queue. */
export function noteTotals({ data: { queue, queues } }) {
    const known = queue ? [queue] : queues?.queues;
    if (!known) return;
    const at = performance.now();
    if (samples.length && at - samples.at(-1).at < 1000) return;
    samples.push({ at, totals: new Map(known.map(({ name, totals }) => [name, totals])) });
    if (samples.length > kept) samples = samples.slice(-kept);
}

/** Counts for each second over the last ten, of one queue or of all; null before there are two samples. */
export function rateOf(field, queue) {
    const last = samples.at(-1);
    const first = samples.find((sample) => last.at - sample.at <= window);
    if (!last || first === last) return null;
    return change(first, last, field, queue);
}

/** The rate between every two samples, oldest first. */
export const ratesOf = (field, queue) =>
    samples.slice(1).map((sample, index) => ({
        seconds: (samples.at(-1).at - sample.at) / 1000, value: change(samples[index], sample, field, queue),
    }));

// A queue that is new counts from nothing; one that was deleted does not count backwards.
function change(first, last, field, queue) {
    const names = queue ? [queue] : [...last.totals.keys()];
    let sum = 0;
    for (const name of names) {
        const before = first.totals.get(name);
        const after = last.totals.get(name);
        if (before && after) sum += Math.max(0, after[field] - before[field]);
    }
    return (sum * 1000) / (last.at - first.at);
}
