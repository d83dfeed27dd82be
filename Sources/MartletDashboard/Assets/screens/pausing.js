// Pausing queues: asks for the reason, which everybody sees who wonders why nothing runs.

import { part, post } from '../core/api.js';
import { h } from '../core/dom.js';
import { can } from '../core/session.js';
import { attempt, say } from '../parts/announce.js';
import { confirm, field } from '../parts/dialog.js';

/** Pauses one queue, or all where `name` is null, with a reason. */
export const pauseQueue = (name, done) => confirm(name ? `Pause ${name}` : 'Pause all queues', [
    h('p', null, 'No further job starts once this is confirmed. Running jobs finish.'),
    field('Reason, for others', 'reason', { maxlength: 500, placeholder: 'database upgrade', autocomplete: 'off' }),
], 'Pause', async (fields) => {
    const reason = fields.get('reason').trim();
    await post(name ? `v1/queues/${part(name)}/pause` : 'v1/pause', reason ? { reason } : {});
    say(name ? `${name} is paused.` : 'All queues are paused.');
    done();
});

/** Pauses a queue, or resumes one that has a pause of its own. */
export const togglePause = (queue, done) => (queue.pause ? resumeQueue : pauseQueue)(queue.name, done);

const resumeQueue = (name, done) => attempt(async () => {
    await post(`v1/queues/${part(name)}/resume`, {});
    return `${name} runs again.`;
}, done);

/** The key that pauses or resumes the queue that `target()` names. */
export const pauseKeys = (target, done) => ({
    title: 'Actions',
    keys: [['Shift+p', 'Pause the queue, or resume it', () => {
        const queue = target();
        if (queue && can('operate')) togglePause(queue, done);
    }]],
});
