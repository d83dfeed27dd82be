// The newest events that fit a filter, for the screen that shows them one by one. The filter is the server's, so the
// stream is its own; it is closed while the page cannot be seen, and goes on where it was.

import { listen, rest } from './listen.js';

const most = 200;
const pause = 2000;
// Not more often than a person can read, in milliseconds.
const pace = 250;

/** Follows events; `messages` are the newest first. */
export class Tail {
    /** `query` is the filter as the server takes it; `changed` is called when there is something new to show. */
    constructor(query, changed) {
        Object.assign(this, { query, changed, messages: [], problem: null, isOpen: false, position: null, run: null });
        this.attend = () => { if (document.hidden) this.stop(); else this.start(); };
        document.addEventListener('visibilitychange', this.attend);
        this.attend();
    }

    close() {
        document.removeEventListener('visibilitychange', this.attend);
        this.stop();
    }

    start() {
        if (this.run) return;
        this.run = new AbortController();
        this.follow(this.run.signal);
    }

    stop() {
        this.run?.abort();
        Object.assign(this, { run: null, isOpen: false });
    }

    async follow(signal) {
        while (!signal.aborted) {
            try {
                await listen({ ...this.query, since: this.position }, {
                    signal, opened: () => this.note({ isOpen: true, problem: null }), heard: (message) => this.take(message),
                });
            } catch (error) {
                if (signal.aborted) return;
                this.note({ problem: error.message });
                // A filter that the server refuses is refused again.
                if (error.status === 422 || error.status === 403) return this.note({ isOpen: false });
            }
            this.note({ isOpen: false });
            await rest(pause, signal);
        }
    }

    take(message) {
        this.position = message.id ?? this.position;
        if (!message.event) return;
        this.messages.unshift(message);
        if (this.messages.length > most) this.messages.length = most;
        this.note({});
    }

    note(changes) {
        Object.assign(this, changes);
        this.timer ??= setTimeout(() => { this.timer = null; this.changed(); }, pace);
    }
}
