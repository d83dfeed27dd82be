// Errors: failed attempts in groups, how many there were lately, and a way to retry or delete the jobs of a group.

import { needs } from '../core/session.js';
import { when } from '../core/time.js';
import { listOf } from '../parts/filter.js';
import { actOnAll } from '../parts/matching.js';
import { anchor, button, count, foreign, short } from '../parts/pieces.js';
import { queueLink } from '../parts/shown.js';
import { actionColumn } from '../parts/table.js';

const spans = ['1h', '3h', '24h', '3d', '7d'];

const filterOf = ({ queue, type, fingerprint }) => ({ queue, type, error: fingerprint, state: 'failed' });

export default {
    path: ['errors'],
    nav: { label: 'Errors', key: 'f' },
    filters: ['queue', 'type'],
    table: ({ refresh }) => ({
        caption: 'Groups of errors', key: (group) => `${group.queue}/${group.fingerprint}/${group.type}`,
        columns: [
            ['Error', (group) => anchor(foreign(short(group.message, 160) || 'without a text'),
                ['jobs'], filterOf(group), { title: group.fingerprint }), 'job'],
            ['Type', (group) => foreign(group.type)],
            ['Queue', (group) => queueLink(group.queue)],
            ...spans.map((span) => [span.replace(/\D/, ' $&'), (group) => count(group.counts[span]), 'number']),
            ['First seen', (group) => when(group.first_seen_at), 'number'],
            ['Last seen', (group) => when(group.last_seen_at), 'number'],
            actionColumn((group) => button('Retry or delete', () => actOnAll(filterOf(group), refresh),
                { reason: needs('operate', 'change jobs') })),
        ],
    }),
    ...listOf('v1/errors', 'errors', {
        note: 'of the last week', placeholder: 'queue:mail type:send-mail', nothing: 'No attempt has failed.',
    }),
};
