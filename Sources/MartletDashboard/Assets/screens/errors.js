// Errors: failed attempts in groups, how many there were lately, and a way to retry or delete the jobs of a group.

import { get } from '../core/api.js';
import { h } from '../core/dom.js';
import { count, short } from '../core/format.js';
import { link } from '../core/router.js';
import { needs } from '../core/session.js';
import { when } from '../core/time.js';
import { chosen, nextPage, search } from '../parts/filter.js';
import { actOnAll } from '../parts/matching.js';
import { asking, button, empty, foreign, head, muted } from '../parts/pieces.js';
import { queueLink } from '../parts/shown.js';
import { actionColumn, Table } from '../parts/table.js';

const filters = ['queue', 'type'];
const spans = ['1h', '3h', '24h', '3d', '7d'];

export default {
    path: ['errors'],
    nav: { label: 'Errors', key: 'f' },
    title: () => 'Errors',
    load: ({ query }, signal) => ({ page: get('v1/errors', { ...chosen(query, filters), cursor: query.cursor }, signal) }),
    open: (context) => ({ table: errorTable(context), search: '' }),
    keys: (context) => [context.state.table.keys],
    view: (context) => {
        const { data: { page }, state: { table } } = context;
        return [
            head('Errors', muted('of the last week')),
            search(context, { names: filters, placeholder: 'queue:mail type:send-mail' }),
            !page ? asking() : page.errors.length ? table.view(page.errors) : empty('No attempt has failed.'),
            nextPage(context, page?.next_cursor),
        ];
    },
};

const filterOf = ({ queue, type, fingerprint }) => ({ queue, type, error: fingerprint, state: 'failed' });

const errorTable = (context) => new Table({
    caption: 'Groups of errors', key: (group) => `${group.queue}/${group.fingerprint}/${group.type}`, redraw: context.redraw,
    columns: [
        { head: 'Error', kind: 'job', cell: (group) => h('a', { href: link(['jobs'], filterOf(group)), title: group.fingerprint },
            foreign(short(group.message, 160) || 'without a text')) },
        { head: 'Type', cell: (group) => foreign(group.type) },
        { head: 'Queue', cell: (group) => queueLink(group.queue) },
        ...spans.map((span) => ({ head: span.replace(/\D/, ' $&'), kind: 'number', cell: (group) => count(group.counts[span]) })),
        { head: 'First seen', kind: 'number', cell: (group) => when(group.first_seen_at) },
        { head: 'Last seen', kind: 'number', cell: (group) => when(group.last_seen_at) },
        actionColumn((group) => button('Retry or delete', {
            reason: needs('operate', 'change jobs'), run: () => actOnAll(filterOf(group), context.refresh),
        })),
    ],
});
