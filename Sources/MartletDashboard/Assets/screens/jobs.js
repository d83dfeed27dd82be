// Jobs: states with their counts, filters kept in the address, pages by cursor, and actions on what is selected.

import { get } from '../core/api.js';
import { go, link } from '../core/router.js';
import { needs, statesOf } from '../core/session.js';
import { actionButtons, actionKeys } from '../parts/actions.js';
import { absolute, choice, enter, facets, nextPage, search } from '../parts/filter.js';
import { actOnAll } from '../parts/matching.js';
import { answered, badge, button, count, h, head, muted, problem } from '../parts/pieces.js';
import { attempts, jobLink, moment, queueLink, remark } from '../parts/shown.js';

const pageSize = 50;
const mostCalls = 10;
const times = [['', 'Any time'], ['1h', 'Last hour'], ['24h', 'Last 24 hours'], ['7d', 'Last 7 days']];

export default {
    path: ['jobs'],
    nav: { label: 'Jobs', key: 'j' },
    filters: ['state', 'queue', 'type', 'tag', 'unique_key', 'created_after', 'created_before', 'error', 'q', 'payload.'],
    title: ({ query }) => ['Jobs', query.state, query.queue].filter(Boolean).join(' · '),
    load: (context, get) => ({ page: find(context, get), queues: get('v1/queues') }),
    hears: ({ query }, { queue }) => !query.queue || queue === query.queue,
    keys: (context) => [actionKeys(() => context.table.target, () => finish(context))],
    table: () => ({
        caption: 'Jobs', key: (job) => `${job.queue}/${job.id}`, name: (job) => job.id, selects: true,
        columns: [
            ['Job', jobLink, 'job'],
            ['State', (job) => badge(job.state)],
            ['Queue', (job) => queueLink(job.queue)],
            ['Attempt', attempts, 'number'],
            ['Priority', (job) => count(job.priority), 'number'],
            ['When', moment, 'when'],
            ['Remark', remark, 'remark'],
        ],
    }),
    view: (context) => {
        const queues = context.data.queues?.queues ?? [];
        return [
            head('Jobs'), states(context, queues), filterBar(context, queues),
            answered(context, 'page', (page) => list(context, page)),
        ];
    },
};

// Scheduled and retrying jobs share an index, and with it a count.
function states(context, queues) {
    const { state: _, queue: name, ...others } = context.filter;
    const isCounted = !Object.keys(others).length;
    const counted = queues.filter((queue) => !name || queue.name === name);
    const facet = (label, state, numberOf) => {
        const value = counted.reduce((total, queue) => total + numberOf(queue), 0);
        return [label, state, isCounted ? count(value) : '', value && state === 'failed' ? 'bad' : ''];
    };
    return facets(context, 'States', 'state', [facet('all', '', (queue) => queue.total_jobs),
        ...Object.keys(queues[0]?.jobs ?? {}).map((index) => facet(index, statesOf(index), (queue) => queue.jobs[index]))]);
}

const filterBar = (context, queues) => search(context, {
    label: 'Filter, a job id, or a text', placeholder: 'type:send-mail tag:sale, a job id, or a text',
    plain: (...words) => findText(context, ...words), suggestions: suggestions(context.data.page?.jobs ?? []),
}, choice(context, 'Queue', 'queue', [['', 'All queues'], ...queues.map(({ name }) => [name, name])]),
choice(context, 'Time of the push', 'created_after', times));

// What the jobs on the page have is what the next filter may be.
function suggestions(jobs) {
    const types = new Set(jobs.map((job) => job.type));
    const tags = new Set(jobs.flatMap((job) => job.tags ?? []));
    return [...[...types].map((type) => ['type', type]), ...[...tags].map((tag) => ['tag', tag])];
}

// One call looks at a limited number of jobs. Where none of these fits, it goes on, some times.
async function find({ filter, query }, get) {
    let { cursor } = query;
    let examined = 0;
    for (let call = 1; ; call += 1) {
        const page = await get('v1/jobs', { ...absolute(filter), cursor, limit: pageSize });
        examined += page.scanned?.examined ?? 0;
        cursor = page.next_cursor;
        if (page.jobs.length || !cursor || call === mostCalls) return { ...page, examined };
    }
}

// One word may be the id of a job; all else is searched for.
async function findText(context, text, isAlone, found) {
    const page = isAlone ? await get('v1/jobs', { q: text, limit: 2 }).catch(() => null) : null;
    const [job, other] = page?.jobs ?? [];
    if (job?.id === text && !other) go(link(['jobs', job.queue, job.id]));
    else enter(context, { ...found, q: text });
}

const list = (context, page, { table } = context) => [
    page.damaged && problem(`Left out, because they cannot be read: ${page.damaged.map((queue) => queue.name).join(', ')}`),
    table.view(page.jobs, page.next_cursor ? 'No job fits so far.' : 'No job fits.'),
    footer(context, page),
    table.bar('job', actionButtons(table.chosen, () => finish(context)),
        page.next_cursor && table.isAll && allThatMatch(context)),
];

function footer(context, { jobs, examined, scanned, next_cursor: next }) {
    const looked = next && scanned ? `, ${count(examined)} of ${count(scanned.of)} jobs looked at` : '';
    return h('footer', { class: 'pages' },
        muted(`${count(jobs.length)} on this page${looked}`),
        h('div', { class: 'buttons' },
            allThatMatch(context),
            nextPage(context, next, jobs.length < pageSize ? 'Search on' : undefined)));
}

const allThatMatch = (context) => button('Act on all that match', () => actOnAll(context.filter, () => finish(context)), {
    reason: needs('operate', 'change jobs') ?? (Object.keys(context.filter).length ? null : 'Choose a filter first.'),
});

// What was selected has been changed, so the list may show it.
function finish(context) {
    context.table.release();
    context.refresh();
}
