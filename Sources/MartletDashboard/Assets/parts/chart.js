// Rates: their value now, and a line over time as SVG with a table of its numbers behind it.

import { rateOf } from '../core/rates.js';
import { duration, h, rate, section } from './pieces.js';

const width = 240;
const height = 40;

const counters = { created: 'Pushed', completed: 'Completed', failed: 'Failed' };

/** The rates of one queue, or of all; `history` has the last minutes of it, as the server knows them. */
export const rates = (queue, history) => section('Rates', { class: 'rates' }, Object.entries(counters).map(([field, name]) =>
    h('div', { key: field, class: 'rate' },
        h('span', { class: 'name' }, name),
        h('span', { class: 'value' }, rate(rateOf(field, queue))),
        rateChart(`${name} jobs for each second in the last ten minutes`, field, past(history, name.toLowerCase())))));

/** How long jobs waited and ran in the latest step that has any. */
export const latestTimes = (history) => ['wait', 'run'].map((name) => {
    const times = history?.points.findLast((point) => point[name])?.[name];
    return [`Last ${name}s`, times ? `half up to ${duration(times.p50_seconds)}, 99 of 100 up to ${duration(times.p99_seconds)}` : '–'];
});

const past = ({ points, step_seconds: step } = { points: [] }, name) => points.map((point) => ({
    seconds: Math.max(0, (Date.now() - Date.parse(point.at)) / 1000 - step), value: point[name],
}));

// A line of `{ seconds, value }`; it is broken where a value is not known.
function rateChart(caption, kind, points) {
    const values = points.map((point) => point.value);
    const most = Math.max(1e-9, ...values);
    const longest = Math.max(60, ...points.map((point) => point.seconds));
    const place = ({ seconds, value }) => [
        width * (1 - seconds / longest), height - 2 - (height - 4) * (value / most),
    ].map((number) => number.toFixed(1)).join();
    const row = (name, value) => h('tr', null, h('th', { scope: 'row' }, name), h('td', null, rate(value)));
    return h('figure', { class: 'chart' },
        h('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
            h('path', { class: kind, d: points.map((point, index) => (point.value === null ? ''
                : `${(points[index - 1]?.value ?? null) === null ? 'M' : 'L'}${place(point)}`)).join('') })),
        // In a box, since a table is never narrower than its texts.
        h('div', { class: 'hidden' }, h('table', null, h('caption', null, caption),
            h('tbody', null, row('Now', values.at(-1)), row('Highest', Math.max(0, ...values))))));
}
