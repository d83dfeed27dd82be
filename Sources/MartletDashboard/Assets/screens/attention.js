// What needs attention, worked out from queues, workers and findings: pure, so that the rules are in one place.

import { duration, plural } from '../core/format.js';
import { link } from '../core/router.js';
import { capacityOf } from '../parts/shown.js';

/** A wait from which a queue is called slow, in seconds. */
const slowWait = 60;

/** `[{ level, text, href }]`: `level` is `bad` or `warn`, the worst first. */
export function attention({ queues = [], damaged = [], workers = [], findings = [] }) {
    const found = [
        ...findings.filter((finding) => finding.result !== 'ok').map(ofFinding),
        ...damaged.map((queue) => item('bad', `Queue ${queue.name} cannot be read: ${queue.detail}`, ['system'])),
        ...queues.flatMap((queue) => ofQueue(queue, capacityOf(workers, queue.name))),
        ...workers.filter(isLost).map(ofWorker),
    ];
    return found.toSorted((a, b) => (a.level === b.level ? 0 : a.level === 'bad' ? -1 : 1));
}

const item = (level, text, path, query) => ({ level, text, href: link(path, query) });

const ofFinding = (finding) =>
    item(finding.result === 'failed' ? 'bad' : 'warn', `Check ${finding.check}: ${finding.advice ?? finding.result}`, ['system']);

function ofQueue(queue, capacity) {
    const { queued, failed } = queue.jobs;
    const found = [];
    const add = (level, text, path = ['queues', queue.name], query) => found.push(item(level, text, path, query));
    if (queue.paused && queued > 0) {
        add('warn', `${queue.name} is paused while ${plural(queued, 'job waits', 'jobs wait')}`);
    } else if (queued > 0 && capacity.workers === 0) {
        add('bad', `${queue.name} has ${plural(queued, 'waiting job')} and no live worker`, ['workers']);
    } else if (queue.oldest_wait_seconds > slowWait) {
        add('warn', `A job of ${queue.name} has waited for ${duration(queue.oldest_wait_seconds)}${slowness(queue, capacity)}`);
    }
    if (failed > 0) {
        add('warn', `${plural(failed, 'failed job')} in ${queue.name}`, ['jobs'], { state: 'failed', queue: queue.name });
    }
    return found;
}

function slowness({ settings, jobs }, { busy, slots }) {
    if (slots > 0 && busy >= slots) return ', all its slots are busy';
    return settings.concurrency > 0 && jobs.active >= settings.concurrency ? ', its limit is reached' : '';
}

// A worker that stopped in order says so in its last report.
const isLost = (worker) => !worker.alive && worker.queues.some((entry) => entry.info?.state !== 'stopped');

const ofWorker = (worker) => item('warn',
    `A worker is silent for ${duration(worker.last_seen_seconds)}: ${worker.queues[0]?.info?.host ?? worker.id}`, ['workers']);
