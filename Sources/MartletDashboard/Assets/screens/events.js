// Events: what happens, as it happens, by the filters in the address.

import { address, get } from '../core/api.js';
import { h } from '../core/dom.js';
import { plural, short } from '../core/format.js';
import { kindOf } from '../core/listen.js';
import { link } from '../core/router.js';
import { Tail } from '../core/tail.js';
import { exact, hint, when } from '../core/time.js';
import { chosen, facets, search } from '../parts/filter.js';
import { badge, button, code, empty, foreign, head, muted, section } from '../parts/pieces.js';
import { progress, queueLink } from '../parts/shown.js';
import { Table } from '../parts/table.js';

const filters = ['queue', 'type', 'job', 'kinds'];

// What people look for, by the kinds that the server knows.
const choices = {
    all: '', ends: 'completed,failed,cancelled', failures: 'failed,retrying,lost', progress: 'progress',
    queues: 'queue.created,queue.paused,queue.resumed,queue.configured,queue.removed',
};

// An event looks like the state that it leads to.
const looks = {
    pushed: 'queued', due: 'queued', resumed: 'queued', retried: 'queued', released: 'queued', started: 'active', progress: 'active',
    lost: 'failed', postponed: 'delayed', rescheduled: 'delayed', 'queue.paused': 'paused', 'queue.resumed': 'running',
};

export default {
    path: ['events'],
    nav: { label: 'Events', key: 'e' },
    title: () => 'Events',
    // The queues also tell whether the server answers.
    load: (context, signal) => ({ queues: get('v1/queues', {}, signal) }),
    open: (context) => ({
        table: eventTable(context), search: '', shown: [],
        tail: new Tail(chosen(context.query, filters), () => { if (!context.isPaused) context.redraw(); }),
    }),
    hears: () => false,
    close: ({ state }) => state?.tail?.close(),
    keys: (context) => [
        context.state.table.keys,
        { title: 'Page', keys: [{ key: '/', label: 'Filter', run: () => document.getElementById('search').focus() }] },
    ],
    view: (context) => [
        head('Events', muted(status(context)),
            h('div', { class: 'buttons' },
                button(context.isPaused ? 'Continue' : 'Freeze', { key: 'r', run: context.toggle }),
                button('Clear', { run: () => clear(context) }))),
        facets('Kinds', Object.entries(choices).map(([label, kinds]) =>
            [label, link(['events'], { ...chosen(context.query, filters), kinds }), (context.query.kinds ?? '') === kinds])),
        search(context, { names: filters, placeholder: 'queue:mail* type:send-mail kinds:failed,retrying' }),
        list(context),
        section('The same from a terminal', {}, code(command(context.query), 'command')),
    ],
};

function status({ state: { tail }, isPaused }) {
    if (isPaused) return 'nothing new is shown';
    return tail.isOpen ? 'as they happen, the last 200' : tail.problem ? '' : 'connecting…';
}

function clear({ state, redraw }) {
    Object.assign(state, { shown: [] });
    state.tail.messages = [];
    state.table.release();
    redraw();
}

// Rows that a person holds stay, also when the last 200 events are all newer.
function list(context) {
    const { state: { table, tail }, state } = context;
    if (!context.isPaused) state.shown = itemsOf(tail);
    const keys = new Set(state.shown.map(keyOf));
    const held = table.isHeld ? table.rows.map((row) => row.item).filter((item) => !keys.has(keyOf(item))) : [];
    return [
        tail.problem && h('p', { class: 'problem' }, tail.problem),
        state.shown.length || held.length ? table.view([...state.shown, ...held])
            : tail.isOpen && empty('Nothing has happened since the page was opened.'),
    ];
}

// Many events leave out the type of their job; an earlier one may have told it.
function itemsOf(tail) {
    const items = tail.messages.map(itemOf);
    const types = new Map();
    for (const item of items.toReversed()) {
        if (item.type) types.set(item.job, item.type);
        else item.type = types.get(item.job);
    }
    return items;
}

// Read once, when it is shown for the first time.
function itemOf(message) {
    message.item ??= message.event.startsWith('dev.martlet.') ? eventOf(message) : { note: message.event, id: message.id };
    return message.item;
}

function eventOf({ event, data }) {
    const { source, id, time, data: facts } = JSON.parse(data);
    return { ...facts, job: facts.id, kind: kindOf(event), key: source + id, time };
}

const keyOf = (item) => item.key ?? `${item.note} ${item.id}`;

const eventTable = (context) => new Table({
    caption: 'Events, the newest first', key: keyOf, redraw: context.redraw,
    columns: [
        { head: 'Job or queue', kind: 'job', cell: subject },
        { head: 'Event', cell: (item) => (item.note ? badge('warning', item.note) : badge(looks[item.kind] ?? item.kind, item.kind)) },
        { head: 'Queue', cell: (item) => item.queue && queueLink(item.queue) },
        { head: 'When', kind: 'when', cell: ({ time }) => time && h('time', { datetime: time, title: hint(time) }, exact(time).slice(11)) },
        { head: 'What', kind: 'remark', cell: remark },
    ],
});

function subject(item) {
    if (item.note) return 'Events may be missing';
    if (!item.job) return queueLink(item.queue);
    return h('a', { href: link(['jobs', item.queue, item.job]), title: item.job },
        item.type && foreign(item.type), ' ', h('span', { class: 'id' }, short(item.job, 26)));
}

function remark(item) {
    if (item.progress) return progress(item.progress);
    const said = [
        item.reason && h('span', { class: item.failures ? 'error' : '' }, foreign(item.reason)),
        item.failures > 0 && plural(item.failures, 'failure'), item.due_at && ['next ', when(item.due_at)],
        item.by && ['by ', foreign(item.by)], item.worker && ['worker ', foreign(short(item.worker, 20))],
        item.settings?.join(', '),
    ].filter(Boolean);
    return said.map((part, index) => [index ? ' · ' : '', part]);
}

function command(query) {
    const words = filters.filter((name) => query[name]).map((name) => `--${name} '${query[name].replaceAll("'", "'\\''")}'`);
    return ['martlet events -f', ...words, `--server ${address('..').replace(/\/$/, '')}`].join(' ');
}
