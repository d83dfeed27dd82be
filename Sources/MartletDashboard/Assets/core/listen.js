// Reads the server's stream of events. With fetch, because an EventSource tells neither why a stream is refused nor its
// position while nothing happens.

import { open } from './api.js';

// The server sends something every 15 s; a stream that is silent for longer is broken.
const silence = 40_000;

/**
 * Calls `heard({ id, event, data })` for each message until the stream ends, and `opened` before the first. `id` is the
 * position behind the message; a sign of life has no `event`. Throws when the stream is refused, breaks or falls silent.
 */
export async function listen(query, { signal, opened, heard }) {
    const watch = new AbortController();
    let timer;
    const noteLife = () => {
        clearTimeout(timer);
        timer = setTimeout(() => watch.abort(), silence);
    };
    noteLife();
    try {
        const response = await open('v1/events', query, AbortSignal.any([signal, watch.signal]));
        opened();
        const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
        let rest = '';
        for (;;) {
            const { value, done } = await reader.read();
            if (done) return;
            noteLife();
            const blocks = (rest + value).split('\n\n');
            rest = blocks.pop();
            for (const block of blocks) heard(messageOf(block));
        }
    } finally {
        clearTimeout(timer);
    }
}

/** The fields of one message of a stream. */
export function messageOf(block) {
    const message = {};
    for (const line of block.split('\n')) {
        const end = line.indexOf(':');
        if (end > 0) message[line.slice(0, end)] = line.slice(end + 1).trimStart();
    }
    return message;
}

/** What happened: `completed` of `dev.martlet.job.completed`, `queue.paused` of `dev.martlet.queue.paused`. */
export const kindOf = (event) => event.replace(/^dev\.martlet\.(job\.)?/, '');

/** Waits so many milliseconds, or until the signal. */
export const rest = (wait, signal) => new Promise((resolve) => {
    const end = () => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        resolve();
    };
    const timer = setTimeout(end, wait);
    signal.addEventListener('abort', end);
});
