// Jobs: states with their counts, filters kept in the address, pages by cursor, and actions on what is selected.

import { get, part } from '../core/api.js';
import { h } from '../core/dom.js';
import { count } from '../core/format.js';
import { go, link } from '../core/router.js';
import { needs, statesOf } from '../core/session.js';
import { say } from '../parts/announce.js';
import { actionButtons, actionKeys } from '../parts/actions.js';
import { chosen, facets, search } from '../parts/filter.js';
import { actOnAll } from '../parts/matching.js';
import { asking, badge, button, empty, head, muted } from '../parts/pieces.js';
import { attempts, jobLink, moment, queueLink, remark } from '../parts/shown.js';
import { Table } from '../parts/table.js';

const pageSize = 50;
const filters = ['state', 'queue', 'type', 'tag', 'error'];

export default {
    path: ['jobs'],
    nav: { label: 'Jobs', key: 'j' },
    title: ({ query }) => ['Jobs', query.state, query.queue].filter(Boolean).join(' · '),
    load: ({ query }, signal) => ({
        page: get('v1/jobs', { ...chosen(query, filters), cursor: query.cursor, limit: pageSize }, signal),
        queues: get('v1/queues', {}, signal),
    }),
    open: (context) => ({ table: jobTable(context), search: '' }),
    hears: ({ query }, { queue }) => !query.queue || queue === query.queue,
    keys: (context) => [
        context.state.table.keys,
        { title: 'Pages', keys: [
            { key: ']', label: 'Next page', run: () => nextPage(context) },
            { key: '[', label: 'First page', run: () => context.setQuery({ cursor: null }) },
            { key: '/', label: 'Filter, or open a job by its id', run: () => document.getElementById('search').focus() },
        ] },
        actionKeys(() => context.state.table.target, () => finish(context)),
    ],
    view: (context) => {
        const { page, queues } = context.data;
        return [
            head('Jobs'),
            states(context, queues?.queues ?? []),
            filterBar(context, queues?.queues ?? []),
            page ? list(context, page) : context.errors.page ? h('p', { class: 'problem' }, context.errors.page.message) : asking(),
        ];
    },
};

function jobTable(context) {
    return new Table({
        caption: 'Jobs', key: (job) => `${job.queue}/${job.id}`, name: (job) => job.id, selects: true, redraw: context.redraw,
        columns: [
            { head: 'Job', kind: 'job', cell: jobLink },
            { head: 'State', cell: (job) => badge(job.state) },
            { head: 'Queue', cell: (job) => queueLink(job.queue) },
            { head: 'Attempt', kind: 'number', cell: attempts },
            { head: 'Priority', kind: 'number', cell: (job) => count(job.priority) },
            { head: 'When', kind: 'when', cell: moment },
            { head: 'Remark', kind: 'remark', cell: remark },
        ],
    });
}

// Scheduled and retrying jobs share an index, and with it a count.
function states({ query }, queues) {
    const isCounted = !(query.type || query.tag || query.error);
    const counted = queues.filter((queue) => !query.queue || queue.name === query.queue);
    const sum = (value) => counted.reduce((total, queue) => total + value(queue), 0);
    const facet = (label, state, value) => [label, link(['jobs'], { ...chosen(query, filters), state }), (query.state ?? '') === state,
        isCounted ? count(value) : '', value && state === 'failed' ? 'bad' : ''];
    return facets('States', [facet('all', '', sum((queue) => queue.total_jobs)),
        ...Object.keys(queues[0]?.jobs ?? {}).map((index) => facet(index, statesOf(index), sum((queue) => queue.jobs[index])))]);
}

const filterBar = (context, queues) => search(context, {
    names: filters, label: 'Filter, or a job id', placeholder: 'queue:mail type:send-mail state:failed, or a job id',
    plain: openJob,
},
    h('label', { class: 'hidden', for: 'queue-filter' }, 'Queue'),
    h('select', {
        id: 'queue-filter', value: context.query.queue ?? '',
        onchange: (event) => context.setQuery({ queue: event.target.value, cursor: null }),
    },
        h('option', { value: '' }, 'All queues'),
        queues.map((queue) => h('option', {
            key: queue.name, value: queue.name, selected: queue.name === context.query.queue,
        }, queue.name))));

async function openJob(id) {
    try {
        const job = await get(`v1/jobs/${part(id)}`);
        go(link(['jobs', job.queue, job.id]));
    } catch (error) {
        const queues = error.body?.queues;
        say(queues ? `Several queues have this id: ${queues.join(', ')}. Choose one of them.` : error.message, 'bad');
    }
}

function list(context, page) {
    const { table } = context.state;
    return [
        page.damaged && h('p', { class: 'problem' },
            `Left out, because they cannot be read: ${page.damaged.map((queue) => queue.name).join(', ')}`),
        page.jobs.length || table.rows.length ? table.view(page.jobs) : empty('No job fits.'),
        footer(context, page),
        table.bar('job', actionButtons(table.chosen, () => finish(context))),
    ];
}

function footer(context, { jobs, next_cursor: next }) {
    const filter = chosen(context.query, filters);
    const reason = needs('operate', 'change jobs') ?? (Object.keys(filter).length ? null : 'Choose a filter first.');
    return h('footer', { class: 'pages' },
        muted(`${count(jobs.length)} on this page`),
        h('div', { class: 'buttons' },
            button('Act on all that match', { reason, run: () => actOnAll(filter, () => finish(context)) }),
            next && h('button', { type: 'button', onclick: () => nextPage(context) }, 'Next page', h('kbd', null, ']'))));
}

// What was selected has been changed, so the list may show it.
function finish(context) {
    context.state.table.release();
    context.refresh();
}

function nextPage(context) {
    const cursor = context.data.page?.next_cursor;
    if (cursor) context.setQuery({ cursor });
    else say('This is the last page.');
}
