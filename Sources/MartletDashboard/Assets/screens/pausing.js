// Pausing queues: asks for the reason, which everybody sees who wonders why nothing runs.

import { part, post } from '../core/api.js';
import { h } from '../core/dom.js';
import { can } from '../core/session.js';
import { say } from '../parts/announce.js';
import { ask, buttons, form } from '../parts/dialog.js';

/** Pauses one queue, or all where `name` is null, with a reason. */
export function pauseQueue(name, done) {
    const title = name ? `Pause ${name}` : 'Pause all queues';
    return ask(title, (dialog) => form(dialog, async (fields) => {
        const reason = fields.get('reason').trim();
        await post(name ? `v1/queues/${part(name)}/pause` : 'v1/pause', reason ? { reason } : {});
        say(name ? `${name} is paused.` : 'All queues are paused.');
        done();
    },
    h('p', null, 'No further job starts once this is confirmed. Running jobs finish.'),
    h('label', null, 'Reason, for others', h('input', {
        name: 'reason', maxlength: 500, placeholder: 'database upgrade', autocomplete: 'off',
    })),
    buttons(dialog, 'Pause')));
}

/** Pauses a queue, or resumes one that has a pause of its own. */
export const togglePause = (queue, done) => (queue.pause ? resumeQueue : pauseQueue)(queue.name, done);

async function resumeQueue(name, done) {
    try {
        await post(`v1/queues/${part(name)}/resume`, {});
        say(`${name} runs again.`);
    } catch (error) {
        say(error.message, 'bad');
    }
    done();
}

/** The key that pauses or resumes the queue that `target()` names. */
export const pauseKeys = (target, done) => ({
    title: 'Actions',
    keys: [{
        key: 'Shift+p', label: 'Pause the queue, or resume it',
        run: () => {
            const queue = target();
            if (queue && can('operate')) togglePause(queue, done);
        },
    }],
});
