// One job: what it does and what happens next in words, its times, all that it holds, and what can be done to it.

import { address, part, request, server } from '../core/api.js';
import { indented, members } from '../core/json.js';
import { when } from '../core/time.js';
import { actionButtons, actionKeys } from '../parts/actions.js';
import {
    anchor, answered, badge, button, bytes, code, copy, count, duration, facts, foreign, h, head, problem, section,
    visible,
} from '../parts/pieces.js';
import { capacityOf, pauseReason, progress, queueLink } from '../parts/shown.js';
import { next, timeline } from './story.js';

/** Longer texts are shown from their beginning, with a way to the rest. */
const longest = 200_000;

export default {
    path: ['jobs', ':queue', ':id'],
    title: ({ params, data }) => data.job ? `${data.job.value.type} ${params.id}` : params.id,
    load: ({ params: { queue, id } }, get, signal) => ({
        // Its texts are found once, and not each time that the page is drawn.
        job: request('GET', `v1/jobs/${part(id)}`, { query: { queue }, signal })
            .then((answer) => ({ ...answer, texts: members(answer.text) })),
        queue: get(`v1/queues/${part(queue)}`), workers: get('v1/workers'),
    }),
    hears: ({ params }, { queue, job }) => queue === params.queue && (!job || job === params.id),
    keys: (context) => [actionKeys(() => (context.data.job ? [context.data.job.value] : []), context.refresh)],
    view: (context) => (context.errors.job ? gone(context) : answered(context, 'job', (job) => page(context, job))),
};

const page = ({ data: { queue, workers }, refresh }, { texts, value }) => [
    head(foreign(value.type), badge(value.state), h('code', { class: 'id' }, value.id),
        button('Copy', () => copy(value.id), { class: 'quiet', 'aria-label': 'Copy the id' })),
    h('p', { class: 'sentence' }, next(value, queue, capacityOf(workers?.workers, value.queue))),
    queue?.paused && h('p', { class: 'notice-line' }, badge('paused', 'the queue is paused'), ' ', pauseReason(queue)),
    value.progress && value.state !== 'completed' && running(value.progress, value.queue === 'downloads' ? bytes : count),
    // What cannot be done now stays visible, with the reason.
    h('div', { class: 'buttons verbs', role: 'toolbar', 'aria-label': 'Actions' }, actionButtons([value], refresh)),
    value.error && section('Error', {}, code(visible(value.error), 'error'),
        h('p', null, anchor('Jobs with the same error', ['jobs'], { queue: value.queue, error: value.error_fingerprint }))),
    h('div', { class: 'columns' },
        h('div', null,
            text('Payload', texts.payload), text('Result', texts.output), text('Checkpoint', texts.checkpoint),
            text('Metadata', texts.metadata), text('Earlier payloads', texts.earlier_payloads), examples(value)),
        h('div', null, section('Timeline', {}, timeline(value)), details(value, texts))),
];

const gone = ({ errors, params }) => [
    head('Job'), problem(errors.job.message),
    h('p', null, 'It may have been deleted, or its time of being kept has passed. ',
        anchor('Jobs of this queue', ['jobs'], { queue: params.queue })),
];

// Downloads count bytes; what other jobs count is their own matter.
const running = ({ completed, total, percent, rate }, show) => h('p', { class: 'ongoing' },
    progress({ completed, total, percent }),
    total ? `${show(completed)} of ${show(total)}` : show(completed),
    rate > 0 && h('span', null, `${show(Math.round(rate))}/s`),
    rate > 0 && total > 0 && h('span', null, `${duration((total - completed) / rate)} left`));

function text(title, json) {
    if (json === undefined) return null;
    const pretty = json.length > longest ? json.slice(0, longest) : indented(json);
    const size = bytes(json.length) + (json.length > longest ? ', the beginning of it' : '');
    return section([title, ' ', h('span', { class: 'size' }, size)], { key: title },
        code(visible(pretty), title.toLowerCase()),
        json.length > longest && button('Copy all of it', () => copy(json)));
}

// The jobs of the queue that have the same.
const alike = ({ queue }, name, value) =>
    anchor(foreign(value), ['jobs'], { queue, [name]: value }, { key: value, class: 'inline' });

const details = (job, texts) => section('Details', {}, facts(
    ['Queue', queueLink(job.queue)],
    ['Priority', count(job.priority)],
    ['Attempts', `${count(job.attempt)} of at most ${count(job.max_retries + 1)}`],
    ['Failures', count(job.failures)],
    job.lost > 0 && ['Workers lost', count(job.lost)],
    ['Claims', count(job.claims)],
    job.timeout_seconds && ['Timeout', duration(job.timeout_seconds)],
    job.lease_until && ['Lease until', when(job.lease_until)],
    ['Type', alike(job, 'type', job.type)],
    job.unique_key && ['Unique key', alike(job, 'unique_key', job.unique_key)],
    job.traceparent && ['Trace', foreign(job.traceparent.split('-')[1])],
    job.tags && ['Tags', job.tags.map((tag) => alike(job, 'tag', tag))],
    texts.backoff && ['Backoff', h('code', null, texts.backoff)],
    ['Pushed', when(job.created_at)]));

function examples(job) {
    const path = `v1/jobs/${part(job.id)}?queue=${part(job.queue)}`;
    return section('The same from a terminal', {},
        code(`martlet job get ${job.id} --queue ${job.queue} --server ${server}`, 'command'),
        code(`curl -s '${address(path)}'`, 'curl command'));
}
