// Events: what happens, as it happens, by the filters in the address.

import { server } from '../core/api.js';
import { kindOf } from '../core/listen.js';
import { Tail } from '../core/tail.js';
import { exact, hint, when } from '../core/time.js';
import { facets, search } from '../parts/filter.js';
import { badge, button, code, foreign, h, head, joined, muted, plural, problem, section, short } from '../parts/pieces.js';
import { jobLink, progress, queueLink } from '../parts/shown.js';

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
    filters: ['queue', 'type', 'job', 'kinds'],
    // The queues also tell whether the server answers.
    load: (context, get) => ({ queues: get('v1/queues') }),
    open: (context) => ({
        shown: [], tail: new Tail(context.filter, () => { if (!context.isPaused) context.redraw(); }),
    }),
    hears: () => false,
    close: ({ state }) => state?.tail?.close(),
    table: () => ({
        caption: 'Events, the newest first', key: keyOf,
        columns: [
            ['Job or queue', subject, 'job'],
            ['Event', (item) => (item.note ? badge('warning', item.note) : badge(looks[item.kind] ?? item.kind, item.kind))],
            ['Queue', (item) => item.queue && queueLink(item.queue)],
            ['When', ({ time }) => time && h('time', { datetime: time, title: hint(time) }, exact(time).slice(11)), 'when'],
            ['What', remark, 'remark'],
        ],
    }),
    view: (context) => [
        head('Events', muted(status(context)),
            h('div', { class: 'buttons' },
                button(context.isPaused ? 'Continue' : 'Freeze', context.toggle, { key: 'r' }),
                button('Clear', () => clear(context)))),
        facets(context, 'Kinds', 'kinds', Object.entries(choices)),
        search(context, { placeholder: 'queue:mail* type:send-mail kinds:failed,retrying' }),
        list(context),
        section('The same from a terminal', {}, code(command(context.filter), 'command')),
    ],
};

function status({ state: { tail }, isPaused }) {
    if (isPaused) return 'nothing new is shown';
    return tail.isOpen ? 'as they happen, the last 200' : tail.problem ? '' : 'connecting…';
}

function clear({ state, table }) {
    state.shown = state.tail.messages = [];
    table.release();
}

// Rows that a person holds stay, also when the last 200 events are all newer.
function list(context) {
    const { state, state: { tail }, table } = context;
    if (!context.isPaused) state.shown = itemsOf(tail);
    const keys = new Set(state.shown.map(keyOf));
    const held = table.isHeld ? table.rows.map((row) => row.item).filter((item) => !keys.has(keyOf(item))) : [];
    return [
        tail.problem && problem(tail.problem),
        table.view([...state.shown, ...held], tail.isOpen && 'Nothing has happened since the page was opened.'),
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

function subject(item) {
    if (item.note) return 'Events may be missing';
    return item.job ? jobLink({ ...item, id: item.job }) : queueLink(item.queue);
}

function remark(item) {
    if (item.progress) return progress(item.progress);
    return joined(
        item.reason && h('span', { class: item.failures ? 'error' : '' }, foreign(item.reason)),
        item.failures > 0 && plural(item.failures, 'failure'), item.due_at && ['next ', when(item.due_at)],
        item.by && ['by ', foreign(item.by)], item.worker && ['worker ', foreign(short(item.worker, 20))],
        item.settings?.join(', '),
    );
}

function command(filter) {
    const words = Object.entries(filter).map(([name, value]) => `--${name} '${value.replaceAll("'", "'\\''")}'`);
    return ['martlet events -f', ...words, `--server ${server}`].join(' ');
}
