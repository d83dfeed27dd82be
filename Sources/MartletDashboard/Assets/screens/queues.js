// Queues: counts, rates and pauses of all of them.

import { noteTotals, rateOf } from '../core/rates.js';
import { needs } from '../core/session.js';
import { anchor, answered, button, count, duration, h, head, muted, rate } from '../parts/pieces.js';
import { capacityOf, queueLink, queueState } from '../parts/shown.js';
import { actionColumn } from '../parts/table.js';
import { pauseKeys, togglePause } from './pausing.js';

export default {
    path: ['queues'],
    nav: { label: 'Queues', key: 'q' },
    load: (context, get) => ({ queues: get('v1/queues'), workers: get('v1/workers') }),
    table: queueTable,
    changed: noteTotals,
    keys: ({ table, refresh }) => [pauseKeys(() => table.target[0], refresh)],
    view: (context) => answered(context, 'queues', ({ queues }) => [head('Queues', muted(count(queues.length))), queueList(context)]),
};

// Nothing is quieter than something.
const none = (text) => h('span', { class: 'muted none' }, text);

/** All queues in the table of the screen. */
export const queueList = ({ data, table }) => table.view(data.queues.queues, 'There is no queue yet. The first push makes one.');

/** The table of queues, here and on the overview. */
export function queueTable(context) {
    const workers = (queue) => capacityOf(context.data.workers?.workers, queue.name);
    const jobs = (queue, state, value, kind) =>
        value ? anchor(count(value), ['jobs'], { queue: queue.name, state }, { class: kind }) : none('0');
    const speed = (field, queue) => {
        const value = rateOf(field, queue.name);
        return value ? rate(value) : none(rate(value));
    };
    return {
        caption: 'Queues with their jobs, waits and rates', key: (queue) => queue.name,
        columns: [
            ['Queue', (queue) => queueLink(queue.name)],
            ['State', queueState],
            ['Waiting', (queue) => jobs(queue, 'queued', queue.jobs.queued), 'number'],
            ['Delayed', (queue) => jobs(queue, 'scheduled,retrying', queue.jobs.delayed), 'number'],
            ['Running', (queue) => [jobs(queue, 'active', queue.jobs.active), limit(queue)], 'number'],
            ['Failed', (queue) => jobs(queue, 'failed', queue.jobs.failed, 'bad'), 'number'],
            ['Oldest wait', wait, 'number'],
            ['Pushed', (queue) => speed('created', queue), 'number'],
            ['Completed', (queue) => speed('completed', queue), 'number'],
            ['Workers', (queue) => workers(queue).workers || none('0'), 'number'],
            actionColumn((queue) => pauseButton(queue, context.refresh)),
        ],
    };
}

const wait = (queue) => (queue.jobs.queued ? duration(queue.oldest_wait_seconds) : none('–'));

const limit = (queue) => queue.settings.concurrency ? muted(`/${count(queue.settings.concurrency)}`) : null;

const pauseButton = (queue, done) =>
    button(queue.pause ? 'Resume' : 'Pause', () => togglePause(queue, done), { reason: needs('operate', 'pause queues') });
