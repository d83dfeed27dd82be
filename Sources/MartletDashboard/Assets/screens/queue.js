// One queue: its counts, its pause, its settings, its workers, and its end.

import { get, part, post, put } from '../core/api.js';
import { h } from '../core/dom.js';
import { count, duration, plural } from '../core/format.js';
import { noteTotals, rateOf } from '../core/rates.js';
import { go, link } from '../core/router.js';
import { needs, statesOf } from '../core/session.js';
import { deleteQueue } from '../parts/actions.js';
import { say } from '../parts/announce.js';
import { rates } from '../parts/chart.js';
import { ask, buttons, confirm, form } from '../parts/dialog.js';
import { asking, button, facts, foreign, head, section, tile } from '../parts/pieces.js';
import { capacityOf, pauseReason, queueState } from '../parts/shown.js';
import { pauseKeys, togglePause } from './pausing.js';
import { changeOf, settingFields } from './settings-form.js';

export default {
    path: ['queues', ':queue'],
    title: ({ params }) => params.queue,
    load: ({ params }, signal) => ({
        queue: get(`v1/queues/${part(params.queue)}`, {}, signal), workers: get('v1/workers', {}, signal),
    }),
    open: () => ({}),
    hears: ({ params }, { queue }) => queue === params.queue,
    changed: (context) => { if (context.data.queue) noteTotals([context.data.queue]); },
    keys: (context) => [pauseKeys(() => context.data.queue, context.refresh)],
    view: (context) => {
        const { queue, workers } = context.data;
        if (context.errors.queue) return problem(context);
        if (!queue) return asking();
        return [
            header(context, queue),
            queue.paused && h('p', { class: 'notice-line' }, 'Nothing starts. ', pauseReason(queue)),
            counts(queue),
            h('div', { class: 'columns' },
                h('div', null, rates(queue.name), state(queue, capacityOf(workers?.workers ?? [], queue.name))),
                h('div', null, settings(context, queue))),
        ];
    },
};

const problem = ({ params, errors }) => [
    head(foreign(params.queue)), h('p', { class: 'problem' }, errors.queue.message),
];

function header(context, queue) {
    const reason = needs('operate', 'steer queues');
    const adminReason = needs('admin', 'change queues');
    return head(queue.name, queueState(queue),
        h('div', { class: 'buttons' },
            button(queue.pause ? 'Resume' : 'Pause', { reason, key: 'Shift+p', run: () => togglePause(queue, context.refresh) }),
            button('Settings', { reason: adminReason, run: () => edit(context, queue) }),
            button('Drain', { reason, danger: true, run: () => drain(context, queue) }),
            button('Delete', { reason: adminReason, danger: true, run: () => destroy(queue) })));
}

const names = { active: 'Running', queued: 'Waiting' };
const nameOf = (index) => names[index] ?? index[0].toUpperCase() + index.slice(1);

const counts = (queue) => h('div', { class: 'strip' }, Object.entries(queue.jobs).map(([index, value]) =>
    tile(nameOf(index), count(value), link(['jobs'], { queue: queue.name, state: statesOf(index) }),
        { kind: index === 'failed' && value ? 'bad' : '' })));

function state(queue, { workers, busy, slots }) {
    const speed = rateOf('completed', queue.name);
    const due = queue.next_due_seconds;
    const workersText = `${plural(workers, 'worker')}, ${busy} of ${plural(slots, 'slot')} busy`;
    return section('Now', {}, facts(
        ['Oldest wait', queue.jobs.queued ? duration(queue.oldest_wait_seconds) : 'nothing waits'],
        due !== undefined && ['Next due', due > 0 ? `in ${duration(due)}` : 'now'],
        ['Empty in', queue.jobs.queued && speed ? `about ${duration(queue.jobs.queued / speed)} at this speed` : '–'],
        ['Workers', workers ? h('a', { href: link(['workers']) }, workersText) : 'none is alive'],
        ['Ever', Object.entries(queue.totals).map(([name, value]) => `${count(value)} ${name}`).join(', ')]));
}

function settings(context, queue) {
    const { concurrency, lease_seconds, ageing_seconds, durability, retention } = queue.settings;
    const kept = (rule) => `${duration(rule.age_seconds)}, at most ${count(rule.count)}`;
    return section('Settings', {}, facts(
        ['Concurrency', concurrency ? `${plural(concurrency, 'job')} at one time` : 'no limit'],
        ['Lease', duration(lease_seconds)],
        ['Ageing', ageing_seconds ? `one level of priority is worth ${duration(ageing_seconds)}` : 'priorities are strict'],
        ['Durability', durability],
        Object.entries(retention).map(([kind, rule]) => [`Keeps ${kind}`, kept(rule)])));
}

const edit = (context, queue) => ask(`Settings of ${queue.name}`, (dialog) => form(dialog, async (fields) => {
    await put(`v1/queues/${part(queue.name)}`, changeOf(fields));
    say(`The settings of ${queue.name} are changed.`);
    context.refresh();
}, settingFields(queue.settings), buttons(dialog, 'Save')), { wide: true });

const drain = (context, queue) => confirm(
    `Drain ${queue.name}`,
    `All ${plural(queue.jobs.queued + queue.jobs.delayed + queue.jobs.paused, 'job')} that wait will be cancelled. `
        + 'Running jobs finish.',
    'Cancel all that wait',
    async () => {
        const answer = await post(`v1/queues/${part(queue.name)}/drain`, {});
        say(`${plural(answer.cancelled, 'job')} cancelled, ${answer.waiting} still wait, ${answer.running} still run.`);
        context.refresh();
    }, { danger: true });

const destroy = (queue) => ask(`Delete ${queue.name}`, (dialog) => form(dialog, async (fields) => {
    if (fields.get('name') !== queue.name) throw new Error('The name is not that of the queue.');
    const answer = await deleteQueue(queue.name);
    say(`${queue.name} is deleted with ${plural(answer.deleted_jobs, 'finished job')}.`);
    go(link(['queues']));
},
h('p', null, 'Its finished jobs are forgotten with it. Jobs that wait or run keep it from being deleted.'),
h('label', null, 'Type the name of the queue', h('input', { name: 'name', autocomplete: 'off', required: true })),
buttons(dialog, 'Delete', { danger: true })));
