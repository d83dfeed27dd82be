// Audit: what operators did, newest first, by the filters in the address.

import { when } from '../core/time.js';
import { listOf } from '../parts/filter.js';
import { badge, foreign } from '../parts/pieces.js';

const looks = { done: 'ok', refused: 'failed' };

const what = ({ queue, jobs = [], total, before = {}, after = {}, reason }) => foreign([
    queue, ...jobs.slice(0, 2).map((job) => job.id), total > 2 && `${total} jobs`,
    ...Object.keys({ ...after, ...before }).map((name) => `${name} ${before[name] ?? '–'} → ${after[name] ?? '–'}`), reason,
].filter(Boolean).join(', '));

export default {
    path: ['audit'],
    nav: { label: 'Audit', key: 'a' },
    filters: ['who', 'action', 'queue', 'job'],
    table: () => ({
        caption: 'Audit', key: ({ id }) => id,
        columns: [
            ['Operation', ({ operation }) => operation, 'job'],
            ['Result', ({ result }) => badge(looks[result] ?? 'warning', result)],
            ['Who', ({ who, client }) => foreign(`${who}, ${client}`)],
            ['When', ({ at }) => when(at), 'when'],
            ['What', what, 'remark'],
        ],
    }),
    ...listOf('v1/audit', 'entries', { placeholder: 'who:oncall action:cancelJob queue:mail', nothing: 'Nothing is recorded.' }),
};
