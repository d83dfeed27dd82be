// Jobs: states with their counts, filters kept in the address, pages by cursor, and actions on what is selected.

import { get, part } from '../core/api.js';
import { go, link } from '../core/router.js';
import { needs, statesOf } from '../core/session.js';
import { say } from '../parts/announce.js';
import { actionButtons, actionKeys } from '../parts/actions.js';
import { facets, search } from '../parts/filter.js';
import { actOnAll } from '../parts/matching.js';
import { answered, badge, button, count, h, head, muted, problem } from '../parts/pieces.js';
import { attempts, jobLink, moment, queueLink, remark } from '../parts/shown.js';

const pageSize = 50;

export default {
    path: ['jobs'],
    nav: { label: 'Jobs', key: 'j' },
    filters: ['state', 'queue', 'type', 'tag', 'error'],
    title: ({ query }) => ['Jobs', query.state, query.queue].filter(Boolean).join(' · '),
    load: ({ filter, query: { cursor } }, get) => ({
        page: get('v1/jobs', { ...filter, cursor, limit: pageSize }), queues: get('v1/queues'),
    }),
    hears: ({ query }, { queue }) => !query.queue || queue === query.queue,
    keys: (context) => [
        { title: 'Pages', keys: [
            [']', 'Next page', () => nextPage(context)], ['[', 'First page', () => context.setQuery({ cursor: null })],
        ] },
        actionKeys(() => context.table.target, () => finish(context)),
    ],
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
    label: 'Filter, or a job id', placeholder: 'queue:mail type:send-mail state:failed, or a job id', plain: openJob,
},
    h('label', { class: 'hidden', for: 'queue-filter' }, 'Queue'),
    h('select', {
        id: 'queue-filter', value: context.query.queue ?? '',
        onchange: (event) => context.setQuery({ queue: event.target.value, cursor: null }),
    },
        h('option', { value: '' }, 'All queues'),
        queues.map(({ name }) => h('option', { key: name, value: name, selected: name === context.query.queue }, name))));

async function openJob(id) {
    try {
        const job = await get(`v1/jobs/${part(id)}`);
        go(link(['jobs', job.queue, job.id]));
    } catch (error) {
        const queues = error.body?.queues;
        say(queues ? `Several queues have this id: ${queues.join(', ')}. Choose one of them.` : error.message, 'bad');
    }
}

const list = (context, page, { table } = context) => [
    page.damaged && problem(`Left out, because they cannot be read: ${page.damaged.map((queue) => queue.name).join(', ')}`),
    table.view(page.jobs, 'No job fits.'),
    footer(context, page),
    table.bar('job', actionButtons(table.chosen, () => finish(context))),
];

function footer(context, { jobs, next_cursor: next }) {
    const { filter } = context;
    const reason = needs('operate', 'change jobs') ?? (Object.keys(filter).length ? null : 'Choose a filter first.');
    return h('footer', { class: 'pages' },
        muted(`${count(jobs.length)} on this page`),
        h('div', { class: 'buttons' },
            button('Act on all that match', () => actOnAll(filter, () => finish(context)), { reason }),
            next && button(['Next page', h('kbd', null, ']')], () => nextPage(context))));
}

// What was selected has been changed, so the list may show it.
function finish(context) {
    context.table.release();
    context.refresh();
}

function nextPage(context) {
    const cursor = context.data.page?.next_cursor;
    if (cursor) context.setQuery({ cursor });
    else say('This is the last page.');
}
