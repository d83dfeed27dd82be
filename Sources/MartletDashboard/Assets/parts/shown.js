// How jobs look in lists: their link, their state, their times and their progress.

import { between, since, when } from '../core/time.js';
import { anchor, badge, bar, count, duration, errorText, foreign, h, muted, plural, short } from './pieces.js';

export const jobLink = ({ queue, id, type }) =>
    anchor([type && foreign(type), ' ', h('span', { class: 'id' }, short(id, 26))], ['jobs', queue, id], {}, { title: id });

export const queueLink = (name) => anchor(name, ['queues', name]);

/** Which attempt of how many. */
export const attempts = (job) => `${count(job.attempt)}/${count(job.max_retries + 1)}`;

/** The one time that matters in the job's state. */
export function moment(job) {
    switch (job.state) {
    case 'active': return ['runs ', when(job.started_at, duration(Math.floor(since(job.started_at))))];
    case 'scheduled': case 'retrying': return [since(job.due_at) > 0 ? 'due ' : '', when(job.due_at)];
    case 'completed': case 'failed': case 'cancelled': return when(job.finished_at);
    default: return ['waits ', when(job.created_at, duration(Math.floor(since(job.created_at))))];
    }
}

/** How long the last attempt took; null without one. */
export const took = (job) => job.started_at && job.finished_at ? between(job.started_at, job.finished_at) : null;

/** Progress, error or duration: what there is to say of a job in one line. */
export function remark(job) {
    if (job.stop_requested) return muted(`asked to ${job.stop_requested}`);
    if (job.state === 'blocked') return h('span', { class: 'muted' }, 'waits for ', foreign(job.waits_for));
    if (job.state === 'active' && job.progress) return progress(job.progress);
    if (job.error && job.state !== 'completed') return errorText(job.error);
    if (job.state === 'completed') return muted(`took ${duration(took(job))}`);
    return job.tags?.map((tag) => anchor(foreign(tag), ['jobs'], { queue: job.queue, tag }, { key: tag, class: 'inline muted' }));
}

export const progress = ({ completed, total, percent }) =>
    total ? h('span', { class: 'progress' }, bar(completed, total, 'Progress'), h('span', null, `${Math.floor(percent)} %`))
        : muted(plural(completed, 'unit'));

/** The state of a queue: whether it runs, and why not. */
export const queueState = (queue) => queue.paused ? badge('paused') : badge('running');

/** Who paused a queue and why. */
export function pauseReason(queue) {
    const pause = queue.pause ?? queue.pause_all;
    if (!pause) return null;
    return [queue.pause ? '' : 'With all queues. ', pause.reason ? [foreign(pause.reason), '. '] : '',
        pause.by ? ['By ', foreign(pause.by), ' '] : '', pause.at ? when(pause.at) : ''];
}

/** The live workers of a queue or of all: how many, and their busy slots. */
export function capacityOf(workers = [], queue) {
    const of = (worker) => worker.queues.filter((entry) => !queue || entry.queue === queue);
    const all = workers.filter((worker) => worker.alive && of(worker).length);
    const entries = all.flatMap(of);
    const sum = (field) => entries.reduce((total, entry) => total + (entry.info?.[field] ?? 0), 0);
    return { workers: all.length, busy: sum('busy'), slots: sum('slots') };
}
