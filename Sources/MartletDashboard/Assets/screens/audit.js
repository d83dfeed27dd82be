// Audit: what operators did, newest first, by the filters in the address.

import { get } from '../core/api.js';
import { when } from '../core/time.js';
import { chosen, nextPage, search } from '../parts/filter.js';
import { asking, badge, empty, foreign, head } from '../parts/pieces.js';
import { Table } from '../parts/table.js';

const filters = ['who', 'action', 'queue', 'job'];
const looks = { done: 'ok', refused: 'failed' };

const what = ({ queue, jobs = [], total, before = {}, after = {}, reason }) => foreign([
    queue, ...jobs.slice(0, 2).map((job) => job.id), total > 2 && `${total} jobs`,
    ...Object.keys({ ...after, ...before }).map((name) => `${name} ${before[name] ?? '–'} → ${after[name] ?? '–'}`), reason,
].filter(Boolean).join(', '));

const columns = [
    { head: 'Operation', kind: 'job', cell: ({ operation }) => operation },
    { head: 'Result', cell: ({ result }) => badge(looks[result] ?? 'warning', result) },
    { head: 'Who', cell: ({ who, client }) => foreign(`${who}, ${client}`) },
    { head: 'When', kind: 'when', cell: ({ at }) => when(at) },
    { head: 'What', kind: 'remark', cell: what },
];

export default {
    path: ['audit'],
    nav: { label: 'Audit', key: 'a' },
    title: () => 'Audit',
    load: ({ query }, signal) => ({ page: get('v1/audit', { ...chosen(query, filters), cursor: query.cursor }, signal) }),
    open: ({ redraw }) => ({ search: '', table: new Table({ caption: 'Audit', key: ({ id }) => id, redraw, columns }) }),
    keys: ({ state }) => [state.table.keys],
    view: (context) => {
        const { page } = context.data;
        return [
            head('Audit'),
            search(context, { names: filters, placeholder: 'who:oncall action:cancelJob queue:mail' }),
            !page ? asking() : page.entries.length ? context.state.table.view(page.entries) : empty('Nothing is recorded.'),
            nextPage(context, page?.next_cursor),
        ];
    },
};
