// Limits of a queue: what may run of the jobs of a key, who uses it, who waits, and the ways to change it. It is loaded when
// it is opened.

import { part, post, remove } from '../core/api.js';
import { needs } from '../core/session.js';
import { relative, when } from '../core/time.js';
import { attempt, say } from '../parts/announce.js';
import { confirm, field } from '../parts/dialog.js';
import { nextPage } from '../parts/filter.js';
import {
    anchor, answered, badge, bar, button, count, duration, facts, foreign, h, head, muted, plural, problem, section,
} from '../parts/pieces.js';
import { actionColumn } from '../parts/table.js';
import { setLimit } from './limit-form.js';

const pathOf = (queue, key) => `v1/queues/${part(queue)}/limits/${part(key)}`;

export default {
    path: ['queues', ':queue', 'limits'],
    title: ({ params }) => `Limits of ${params.queue}`,
    hears: ({ params }, { queue }) => queue === params.queue,
    load: ({ params: { queue }, query: { cursor, key } }, get) => ({
        page: get(`v1/queues/${part(queue)}/limits`, { cursor }), ...(key && { detail: get(pathOf(queue, key)) }),
    }),
    table: (context) => ({
        caption: 'Limits', key: ({ key }) => key,
        columns: [
            ['Limit', ({ key }) => anchor(foreign(key), context.path, { ...context.query, key })],
            ['In use', usage],
            ['Rate', ({ in_force }) => rate(in_force?.rate), 'when'],
            ['Waiting', ({ waiting }) => count(waiting), 'number'],
            ['State', state],
            ['Next opening', ({ opens_at }) => when(opens_at), 'when'],
            actionColumn((limit) => buttons(context, limit)),
        ],
    }),
    view: (context) => [
        header(context),
        detail(context),
        answered(context, 'page', ({ limits, next_cursor }) => [
            context.table.view(limits, 'This queue has no limit of a key.'),
            h('footer', { class: 'pages' }, nextPage(context, next_cursor)),
        ]),
    ],
};

const header = (context) => head(['Limits of ', anchor(context.params.queue, ['queues', context.params.queue])],
    h('div', { class: 'buttons' }, button('Set a limit', () => setLimit(context.params.queue, null, context.refresh),
        { reason: needs('admin', 'change limits') })));

const rate = (value) => value
    ? `${count(value.count)} in ${duration(value.per_seconds)}${value.burst > 1 ? `, ${value.burst} at once` : ''}` : '–';

const isClass = ({ key }) => key.endsWith(':*');

// Of a class the key that is used most.
function usage(limit) {
    const most = limit.in_force?.concurrency;
    const text = `${count(limit.usage)}${most == null ? '' : ` of ${count(most)}`}`;
    return h('span', { class: 'progress', title: isClass(limit) ? 'The key of the class that is used most' : null },
        bar(limit.usage, most, `In use of ${limit.key}`), h('span', null, text));
}

function state(limit) {
    const { override, pause, throttled } = limit;
    const note = [override && `overridden${override.until ? `, ends ${relative(override.until)}` : ''}`,
        pause?.until && `ends ${relative(pause.until)}`,
        throttled && `told to wait, ends ${relative(throttled.until)}`].filter(Boolean).join(', ');
    return [mark(limit), note && muted(` ${note}`), reason(pause), reason(throttled)];
}

function mark(limit) {
    if (limit.in_force?.paused) return badge('paused');
    if (limit.throttled) return badge('warning', 'throttled');
    if (limit.open === false) return badge('warning', 'closed');
    return badge('running', isClass(limit) ? 'each value' : 'open');
}

const reason = (pause) => (pause?.reason || pause?.by) && h('span', { class: 'muted' }, ' ',
    foreign([pause.reason, pause.by && `by ${pause.by}`].filter(Boolean).join(', ')));

// The limit that the address names: its values, who holds it, and which keys of a class are used most.
function detail(context) {
    const { query, data, errors, params, setQuery } = context;
    if (!query.key) return null;
    const close = () => setQuery({ key: null });
    if (errors.detail) return section(foreign(query.key), {}, problem(errors.detail.message), button('Close', close));
    const limit = data.detail;
    if (limit?.key !== query.key) return null;
    const values = (value) => value && [value.concurrency != null && `${count(value.concurrency)} at one time`,
        value.rate && rate(value.rate)].filter(Boolean).join(', ');
    return section(foreign(limit.key), {}, facts(
        ['Base value', values(limit) || 'none'],
        limit.override && ['Override', values(limit.override)],
        limit.in_force && limit.in_force.key !== limit.key && ['Counts', `${values(limit.in_force) || '–'}, of ${limit.in_force.key}`],
        limit.holders && ['Held by', limit.holders.map(({ job, weight }) =>
            h('div', { key: job }, anchor(job, ['jobs', params.queue, job]), weight > 1 && ` with weight ${weight}`))],
        limit.keys && ['Busiest keys', limit.keys.map((key) => h('div', { key: key.key },
            anchor(foreign(key.key), context.path, { ...query, key: key.key }),
            muted(` ${count(key.usage)} in use, ${plural(key.waiting, 'job')} waiting`)))]),
    h('div', { class: 'slots' }, button('Close', close),
        limit.in_force?.key === limit.key && button('Remove', () => drop(params.queue, limit, close),
            { reason: needs('admin', 'change limits'), danger: true, 'aria-label': `Remove ${limit.key}` })));
}

function buttons(context, limit) {
    const reason = needs('operate', 'pause limits');
    const adminReason = needs('admin', 'change limits');
    const { params: { queue }, refresh } = context;
    const isBack = limit.override || limit.pause || limit.throttled;
    return h('div', { class: 'slots' },
        button(limit.pause ? 'Resume' : 'Pause', () => (limit.pause ? act(queue, limit, 'resume', refresh) : pause(queue, limit, refresh)),
            { reason, 'aria-label': `${limit.pause ? 'Resume' : 'Pause'} ${limit.key}` }),
        isBack && button('Reset', () => act(queue, limit, 'reset', refresh), { reason, 'aria-label': `Reset ${limit.key}` }),
        button('Edit', () => setLimit(queue, limit, refresh), { reason: adminReason, 'aria-label': `Edit ${limit.key}` }));
}

const said = { resume: 'runs again', reset: 'is back at its base value' };

const act = (queue, { key }, verb, done) => attempt(async () => {
    await post(`${pathOf(queue, key)}/${verb}`, {});
    return `${key} ${said[verb]}.`;
}, done);

const pause = (queue, { key }, done) => confirm(`Pause ${key}`, [
    h('p', null, 'No further job that names the key starts once this is confirmed. Running jobs finish.'),
    field('Reason, for others', 'reason', { maxlength: 500, placeholder: 'the host is down', autocomplete: 'off' }),
    field('For how many seconds, empty for no end', 'for', { type: 'number', min: 0.001, max: 31_536_000, step: 'any' }),
], 'Pause', async (fields) => {
    const reason = fields.get('reason').trim();
    const time = fields.get('for');
    await post(`${pathOf(queue, key)}/pause`, { ...(reason && { reason }), ...(time && { for_seconds: Number(time) }) });
    say(`${key} is paused.`);
    done();
});

const drop = (queue, { key }, done) => confirm(`Remove the limit ${key}`,
    'Jobs that wait for it may start then, unless another limit holds them.', 'Remove', async () => {
        await remove(pathOf(queue, key));
        say(`${key} has no limit of its own any more.`);
        done();
    }, { danger: true });
