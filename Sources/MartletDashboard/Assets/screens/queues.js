// Queues: counts, rates and pauses of all of them.

import { get } from '../core/api.js';
import { h } from '../core/dom.js';
import { count, duration, rate } from '../core/format.js';
import { noteTotals, rateOf } from '../core/rates.js';
import { link } from '../core/router.js';
import { needs } from '../core/session.js';
import { asking, button, empty, head, muted } from '../parts/pieces.js';
import { capacityOf, queueLink, queueState } from '../parts/shown.js';
import { actionColumn, Table } from '../parts/table.js';
import { pauseKeys, togglePause } from './pausing.js';

export default {
    path: ['queues'],
    nav: { label: 'Queues', key: 'q' },
    title: () => 'Queues',
    load: (context, signal) => ({ queues: get('v1/queues', {}, signal), workers: get('v1/workers', {}, signal) }),
    open: (context) => ({ table: queueTable(context) }),
    changed: (context) => { if (context.data.queues) noteTotals(context.data.queues.queues); },
    keys: (context) => [context.state.table.keys, pauseKeys(() => context.state.table.target[0], context.refresh)],
    view: (context) => {
        const { queues } = context.data;
        if (!queues) return asking();
        return [
            head('Queues', muted(count(queues.queues.length))),
            queueList(context),
        ];
    },
};

// Nothing is quieter than something.
const none = (text) => h('span', { class: 'muted none' }, text);

/** All queues in the table of the screen. */
export const queueList = ({ data, state }) => data.queues.queues.length ? state.table.view(data.queues.queues)
    : empty('There is no queue yet. The first push makes one.');

/** The table of queues, here and on the overview. */
export function queueTable(context) {
    const workers = (queue) => capacityOf(context.data.workers?.workers ?? [], queue.name);
    const jobs = (queue, state, value, kind) =>
        value ? h('a', { href: link(['jobs'], { queue: queue.name, state }), class: kind }, count(value)) : none('0');
    const speed = (field, queue) => {
        const value = rateOf(field, queue.name);
        return value ? rate(value) : none(rate(value));
    };
    return new Table({
        caption: 'Queues with their jobs, waits and rates', key: (queue) => queue.name, redraw: context.redraw,
        columns: [
            { head: 'Queue', cell: (queue) => queueLink(queue.name) },
            { head: 'State', cell: queueState },
            { head: 'Waiting', kind: 'number', cell: (queue) => jobs(queue, 'queued', queue.jobs.queued) },
            { head: 'Delayed', kind: 'number', cell: (queue) => jobs(queue, 'scheduled,retrying', queue.jobs.delayed) },
            { head: 'Running', kind: 'number', cell: (queue) => [jobs(queue, 'active', queue.jobs.active), limit(queue)] },
            { head: 'Failed', kind: 'number', cell: (queue) => jobs(queue, 'failed', queue.jobs.failed, 'bad') },
            { head: 'Oldest wait', kind: 'number', cell: wait },
            { head: 'Pushed', kind: 'number', cell: (queue) => speed('created', queue) },
            { head: 'Completed', kind: 'number', cell: (queue) => speed('completed', queue) },
            { head: 'Workers', kind: 'number', cell: (queue) => workers(queue).workers || none('0') },
            actionColumn((queue) => pauseButton(queue, context.refresh)),
        ],
    });
}

const wait = (queue) => (queue.jobs.queued ? duration(queue.oldest_wait_seconds) : none('–'));

const limit = (queue) => queue.settings.concurrency ? muted(`/${count(queue.settings.concurrency)}`) : null;

function pauseButton(queue, done) {
    const reason = needs('operate', 'pause queues');
    return button(queue.pause ? 'Resume' : 'Pause', { reason, run: () => togglePause(queue, done) });
}
