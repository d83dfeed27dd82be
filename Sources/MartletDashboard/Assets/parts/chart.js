// Rates: their value now, and a line over time as SVG with a table of its numbers behind it.

import { h } from '../core/dom.js';
import { rate } from '../core/format.js';
import { rateOf, ratesOf } from '../core/rates.js';
import { section } from './pieces.js';

const width = 240;
const height = 40;

const counters = { created: 'Pushed', completed: 'Completed', failed: 'Failed' };

/** The rates of one queue, or of all. */
export const rates = (queue) => section('Rates', { class: 'rates' }, Object.entries(counters).map(([field, name]) =>
    h('div', { key: field, class: 'rate' },
        h('span', { class: 'name' }, name),
        h('span', { class: 'value' }, rate(rateOf(field, queue))),
        rateChart(`${name} jobs for each second since the page was opened`,
            [{ name, kind: field, points: ratesOf(field, queue) }]))));

// Lines of rates: `[{ name, kind, points: [{ seconds, value }] }]`.
function rateChart(caption, series) {
    const most = Math.max(1e-9, ...series.flatMap((line) => line.points.map((point) => point.value)));
    const longest = Math.max(60, ...series.flatMap((line) => line.points.map((point) => point.seconds)));
    const place = ({ seconds, value }) => [
        width * (1 - seconds / longest), height - 2 - (height - 4) * (value / most),
    ].map((number) => number.toFixed(1)).join();
    return h('figure', { class: 'chart' },
        h('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
            series.map((line) =>
                h('polyline', { key: line.name, class: line.kind, points: line.points.map(place).join(' ') }))),
        // In a box, since a table is never narrower than its texts.
        h('div', { class: 'hidden' }, h('table', null,
            h('caption', null, caption),
            h('thead', null, h('tr', null, h('th', { scope: 'col' }, 'Line'), h('th', { scope: 'col' }, 'Now'),
                h('th', { scope: 'col' }, 'Highest'))),
            h('tbody', null, series.map((line) => h('tr', { key: line.name },
                h('th', { scope: 'row' }, line.name), h('td', null, rate(line.points.at(-1)?.value)),
                h('td', null, rate(Math.max(0, ...line.points.map((point) => point.value))))))))));
}
