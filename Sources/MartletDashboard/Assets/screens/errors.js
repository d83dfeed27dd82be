// Errors: failed attempts in groups, how many there were lately, and a way to retry or delete the jobs of a group.

import { needs } from '../core/session.js';
import { when } from '../core/time.js';
import { listOf } from '../parts/filter.js';
import { actOnAll } from '../parts/matching.js';
import { anchor, button, count, foreign, h, short } from '../parts/pieces.js';
import { queueLink } from '../parts/shown.js';
import { actionColumn } from '../parts/table.js';

const spans = ['1h', '3h', '24h', '3d', '7d'];

// Counting failed jobs looks at many of them, so it is done less often than the rest is read.
const countEvery = 15_000;

const keyOf = ({ queue, fingerprint, type }) => `${queue}/${fingerprint}/${type}`;

const filterOf = ({ queue, type, fingerprint }) => ({ queue, type, error: fingerprint, state: 'failed' });

export default {
    path: ['errors'],
    nav: { label: 'Errors', key: 'f' },
    filters: ['queue', 'type'],
    open: () => ({ failed: new Map(), at: -Infinity }),
    table: (context) => ({
        caption: 'Groups of errors', key: keyOf,
        columns: [
            ['Error', (group) => [
                anchor(foreign(short(group.message, 160) || 'without a text'), ['jobs'], filterOf(group), { title: group.fingerprint }),
                h('span', { class: 'type' }, foreign(group.type)),
            ], 'job'],
            ['Queue', (group) => queueLink(group.queue)],
            ...spans.map((span) => [span.replace(/\D/, ' $&'), (group) => count(group.counts[span]), 'number']),
            ['Failed now', (group) => failedNow(context, group), 'number'],
            ['First seen', (group) => when(group.first_seen_at), 'number'],
            ['Last seen', (group) => when(group.last_seen_at), 'number'],
            actionColumn((group) => action(context, group)),
        ],
    }),
    ...listOf('v1/errors', 'errors', {
        note: 'of the last week', placeholder: 'queue:mail type:send-mail', nothing: 'No attempt has failed.',
    }),
    load: ({ filter, query: { cursor }, state }, get) => {
        const isDue = performance.now() - state.at > countEvery;
        if (isDue) state.at = performance.now();
        return { page: get('v1/errors', { ...filter, cursor, failed: isDue && 'true' }).then((page) => note(page, state)) };
    },
};

function note(page, { failed }) {
    for (const group of page.errors) if (group.failed) failed.set(keyOf(group), group.failed);
    return page;
}

// Where not all jobs were looked at, there may be more.
function failedNow({ state }, group) {
    const found = state.failed.get(keyOf(group));
    return count(found?.count) + (found?.complete === false ? '+' : '');
}

function action(context, group) {
    const done = () => {
        context.state.at = -Infinity;
        context.refresh();
    };
    const isNone = failedNow(context, group) === '0';
    return button('Retry or delete', () => actOnAll(filterOf(group), done),
        { reason: needs('operate', 'change jobs') ?? (isNone ? 'None of its jobs has failed now.' : null) });
}
