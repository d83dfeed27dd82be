// Audit: what operators did, newest first, by the filters in the address.

import { when } from '../core/time.js';
import { listOf } from '../parts/filter.js';
import { anchor, badge, count, foreign, joined, plural, short } from '../parts/pieces.js';
import { queueLink } from '../parts/shown.js';

const looks = { done: 'ok', refused: 'failed' };

function changes(before, after) {
    const names = Object.keys({ ...after, ...before }).filter((name) => (before[name] ?? '') !== (after[name] ?? ''));
    const change = (name) => `${name.replaceAll('_', ' ')} ${before[name] || '–'} → ${after[name] || '–'}`;
    return names.length > 0 && foreign(names.map(change).join(', '));
}

const job = (queue, { id, before, after }) =>
    [anchor(short(id, 26), ['jobs', queue, id], {}, { title: id }), before !== after && ` ${before ?? '–'} → ${after ?? '–'}`];

const what = ({ queue, jobs = [], filter, total, changed, before = {}, after = {}, reason }) => joined(
    queue && queueLink(queue),
    total > 1 && `${count(changed)} of ${plural(total, 'job')} changed`,
    filter && foreign(Object.entries(filter).map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(', ')),
    ...jobs.slice(0, 2).map((one) => job(queue, one)),
    total > 2 && '…',
    changes(before, after), reason && foreign(reason));

export default {
    path: ['audit'],
    nav: { label: 'Audit', key: 'a' },
    filters: ['who', 'action', 'queue', 'job'],
    table: ({ filter }) => ({
        caption: 'Audit', key: ({ id }) => id,
        columns: [
            ['Operation', ({ operation }) => anchor(operation, ['audit'], { ...filter, action: operation })],
            ['Result', ({ result }) => badge(looks[result] ?? 'warning', result)],
            ['Who', ({ who, client }) => foreign(`${who}, ${client}`)],
            ['When', ({ at }) => when(at), 'when'],
            ['What', what, 'what'],
        ],
    }),
    ...listOf('v1/audit', 'entries', { placeholder: 'who:oncall action:cancelJob queue:mail', nothing: 'Nothing is recorded.' }),
};
