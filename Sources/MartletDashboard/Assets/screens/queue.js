// One queue: its counts, its pause, its settings, its workers, and its end.

import { part, post, put, remove } from '../core/api.js';
import { noteTotals, rateOf } from '../core/rates.js';
import { go, link } from '../core/router.js';
import { needs, statesOf } from '../core/session.js';
import { say } from '../parts/announce.js';
import { latestTimes, rates } from '../parts/chart.js';
import { confirm, field } from '../parts/dialog.js';
import {
    anchor, answered, button, count, duration, facts, foreign, h, head, plural, problem, section, tile,
} from '../parts/pieces.js';
import { capacityOf, pauseReason, queueState } from '../parts/shown.js';
import { pauseKeys, togglePause } from './pausing.js';
import { changeOf, settingFields } from './settings-form.js';

export default {
    path: ['queues', ':queue'],
    title: ({ params }) => params.queue,
    load: ({ params: { queue } }, get) => ({
        queue: get(`v1/queues/${part(queue)}`), history: get(`v1/queues/${part(queue)}/history`), workers: get('v1/workers'),
    }),
    hears: ({ params }, { queue }) => queue === params.queue,
    changed: noteTotals,
    keys: (context) => [pauseKeys(() => context.data.queue, context.refresh)],
    view: (context) => (context.errors.queue
        ? [head(foreign(context.params.queue)), problem(context.errors.queue.message)]
        : answered(context, 'queue', (queue) => page(context, queue))),
};

const page = (context, queue) => [
    header(context, queue),
    queue.paused && h('p', { class: 'notice-line' }, 'Nothing starts. ', pauseReason(queue)),
    counts(queue),
    h('div', { class: 'columns' },
        h('div', null, rates(queue.name, context.data.history),
            state(queue, capacityOf(context.data.workers?.workers, queue.name), context.data.history)),
        h('div', null, settings(queue))),
];

function header(context, queue) {
    const reason = needs('operate', 'steer queues');
    const adminReason = needs('admin', 'change queues');
    return head(queue.name, queueState(queue),
        h('div', { class: 'buttons' },
            button(queue.pause ? 'Resume' : 'Pause', () => togglePause(queue, context.refresh), { reason, key: 'Shift+p' }),
            button('Limits', () => go(link(['queues', queue.name, 'limits'])), { class: 'quiet' }),
            button('Settings', () => edit(context, queue), { reason: adminReason }),
            button('Drain', () => drain(context, queue), { reason, danger: true }),
            button('Delete', () => destroy(queue), { reason: adminReason, danger: true })));
}

const names = { active: 'Running', queued: 'Waiting' };
const nameOf = (index) => names[index] ?? index[0].toUpperCase() + index.slice(1);

const counts = (queue) => h('div', { class: 'strip' }, Object.entries(queue.jobs).map(([index, value]) =>
    tile(nameOf(index), count(value), [['jobs'], { queue: queue.name, state: statesOf(index) }],
        { kind: index === 'failed' && value ? 'bad' : '' })));

function state(queue, { workers, busy, slots }, history) {
    const speed = rateOf('completed', queue.name);
    const due = queue.next_due_seconds;
    const workersText = `${plural(workers, 'worker')}, ${busy} of ${plural(slots, 'slot')} busy`;
    return section('Now', {}, facts(
        ['Oldest wait', queue.jobs.queued ? duration(queue.oldest_wait_seconds) : 'nothing waits'],
        due !== undefined && ['Next due', due > 0 ? `in ${duration(due)}` : 'now'],
        ['Empty in', queue.jobs.queued && speed ? `about ${duration(queue.jobs.queued / speed)} at this speed` : '–'],
        latestTimes(history),
        ['Workers', workers ? anchor(workersText, ['workers']) : 'none is alive'],
        ['Ever', Object.entries(queue.totals).map(([name, value]) => `${count(value)} ${name}`).join(', ')]));
}

function settings(queue) {
    const { concurrency, lease_seconds, ageing_seconds, durability, retention } = queue.settings;
    const kept = (rule) => `${duration(rule.age_seconds)}, at most ${count(rule.count)}`;
    return section('Settings', {}, facts(
        ['Concurrency', concurrency ? `${plural(concurrency, 'job')} at one time` : 'no limit'],
        ['Lease', duration(lease_seconds)],
        ['Ageing', ageing_seconds ? `one level of priority is worth ${duration(ageing_seconds)}` : 'priorities are strict'],
        ['Durability', durability],
        Object.entries(retention).map(([kind, rule]) => [`Keeps ${kind}`, kept(rule)])));
}

const edit = (context, queue) => confirm(`Settings of ${queue.name}`, settingFields(queue.settings), 'Save', async (fields) => {
    await put(`v1/queues/${part(queue.name)}`, changeOf(fields));
    say(`The settings of ${queue.name} are changed.`);
    context.refresh();
}, { wide: true });

const drain = (context, queue) => confirm(
    `Drain ${queue.name}`,
    `All ${plural(queue.jobs.queued + queue.jobs.blocked + queue.jobs.delayed + queue.jobs.paused, 'job')} that wait will be cancelled. `
        + 'Running jobs finish.',
    'Cancel all that wait',
    async () => {
        const answer = await post(`v1/queues/${part(queue.name)}/drain`, {});
        say(`${plural(answer.cancelled, 'job')} cancelled, ${answer.waiting} still wait, ${answer.running} still run.`);
        context.refresh();
    }, { danger: true });

// The server checks the name once more.
const destroy = ({ name }) => confirm(`Delete ${name}`, [
    h('p', null, 'Its finished jobs are forgotten with it. Jobs that wait or run keep it from being deleted.'),
    field('Type the name of the queue', 'name', { autocomplete: 'off', required: true }),
], 'Delete', async (fields) => {
    if (fields.get('name') !== name) throw new Error('The name is not that of the queue.');
    const answer = await remove(`v1/queues/${part(name)}`, { confirm: name, finished: 'true' });
    say(`${name} is deleted with ${plural(answer.deleted_jobs, 'finished job')}.`);
    go(link(['queues']));
}, { danger: true });
