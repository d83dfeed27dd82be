// What a job does in words: its state, what happens next and why, and the times that it has passed.

import { between, since, when } from '../core/time.js';
import { duration, errorText, foreign, h, muted, plural } from '../parts/pieces.js';
import { took } from '../parts/shown.js';

/** A sentence or two about a job; `capacity` are the live workers of its queue and their slots. */
export function next(job, queue, capacity) {
    const left = job.max_retries - job.attempt + 1;
    switch (job.state) {
    case 'queued': return [`Waits to run since `, when(job.created_at), '. ', obstacleToRun(queue, capacity)];
    case 'blocked': return ['Keeps its place in line and waits until the limit of ', foreign(job.waits_for), ' has room.'];
    case 'scheduled': return ['Is not due yet: it may run ', when(job.due_at), '.'];
    case 'retrying': return [`Attempt ${job.attempt} failed. The next one starts `, when(job.due_at), `, and ${retries(left - 1)} after it.`];
    case 'active': return active(job, left);
    case 'paused': return ['Is paused and keeps its place in line. Resume it to let it run.'];
    case 'completed': return ['Completed ', when(job.finished_at), `, after ${duration(took(job))} of work.`];
    case 'failed': return ['Failed ', when(job.finished_at), left > 0 ? ' for good: its error is permanent, so no retry follows.'
        : ` after ${plural(job.attempt, 'attempt')}: no retry is left.`];
    case 'cancelled': return ['Was cancelled ', when(job.finished_at), '. It never runs unless it is retried.'];
    default: return [job.state];
    }
}

const retries = (left) => (left > 0 ? `${plural(left, 'retry remains', 'retries remain')}` : 'no retry is left');

function active(job, left) {
    const asked = job.stop_requested ? ` It has been asked to ${job.stop_requested} and ends as soon as its handler notices.` : '';
    return ['Has run for ', duration(Math.floor(since(job.started_at))), `, attempt ${job.attempt}. If it fails, ${retries(left)}. `,
        'Its worker must answer ', when(job.lease_until), ', else another one takes it.', asked];
}

function obstacleToRun(queue, capacity) {
    if (!queue) return '';
    if (queue.paused) return 'Nothing starts while its queue is paused.';
    if (!capacity.workers) return 'No live worker serves its queue.';
    const limit = queue.settings.concurrency;
    if (limit && queue.jobs.active >= limit) return `The limit of its queue is reached: ${plural(limit, 'job')} at one time.`;
    if (capacity.slots && capacity.busy >= capacity.slots) return `All ${plural(capacity.slots, 'slot')} of its workers are busy.`;
    return 'A worker takes it as soon as those before it are taken.';
}

const ends = { failed: 'failed', crashed: 'crashed', lost: 'was lost' };

/** The attempts that failed, the first one first. */
const failed = (job) => (job.attempts ?? []).toReversed().map((attempt) => [
    [`An attempt ${ends[attempt.outcome]}`, attempt.worker && [' on ', foreign(attempt.worker)],
        attempt.ran_seconds !== undefined && ` after ${duration(attempt.ran_seconds)}`,
        attempt.error && errorText(attempt.error, 200)],
    attempt.ended_at,
]);

/** The stored times of a job in order, with what lies between them. */
export function timeline(job) {
    const steps = [
        ['Pushed', job.created_at], ...failed(job),
        ...(job.earlier_payloads ?? []).map((earlier) => ['Payload replaced', earlier.replaced_at]),
        job.due_at && ['Due', job.due_at],
        job.started_at && [job.attempt > 1 ? `Attempt ${job.attempt} started` : 'Started', job.started_at],
        job.lease_until && ['Lease ends', job.lease_until],
        job.finished_at && [job.state[0].toUpperCase() + job.state.slice(1), job.finished_at],
    ].filter(Boolean).toSorted((a, b) => Date.parse(a[1]) - Date.parse(b[1]));
    return h('ol', { class: 'timeline' }, steps.map(([name, at], index) =>
        h('li', { key: `${index}${at}`, class: since(at) < 0 ? 'ahead' : '' }, h('span', null, name), when(at),
            index > 0 && muted(`+${duration(between(steps[index - 1][1], at))}`))));
}
