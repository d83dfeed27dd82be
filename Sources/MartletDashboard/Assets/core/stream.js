// Tells that something has changed: one stream of events for all tabs of a browser that can be seen.

import { address } from './api.js';
import { listen, rest } from './listen.js';

const name = `martlet ${address('')}`;
const soonest = 2000;
const latest = 30_000;
// From so many events in a second on, asking again every few seconds is cheaper than hearing each of them.
const most = 400;
const floodPause = 30_000;

/** The events that this browser hears. Without locks (plain HTTP to another machine) it hears none, and pages ask again. */
export class Stream {
    /**
     * Calls `heard(change)` for each `{ queue, job }` that has changed, with null when anything may have, and `changed`
     * when the stream opens or ends.
     */
    constructor(heard, changed) {
        Object.assign(this, { heard, changed, isWanted: false, isOpen: false, isLeader: false, position: null, part: null });
        document.addEventListener('visibilitychange', () => this.attend());
    }

    /** Begins to hear, or ends. */
    want(isWanted) {
        this.isWanted = isWanted;
        this.attend();
    }

    attend() {
        const takesPart = this.isWanted && !document.hidden && navigator.locks !== undefined;
        if (takesPart && !this.part) this.join();
        if (!takesPart && this.part) this.leave();
    }

    join() {
        const part = { controller: new AbortController(), channel: new BroadcastChannel(name) };
        this.part = part;
        part.channel.onmessage = ({ data }) => this.take(data);
        part.channel.postMessage({ asks: true });
        const { signal } = part.controller;
        // A turn that never came ends with an error of the signal.
        navigator.locks.request(name, { signal }, () => this.lead(signal)).catch(() => {});
    }

    leave() {
        this.part.controller.abort();
        this.part.channel.close();
        // Whoever looks again reads everything anew.
        Object.assign(this, { part: null, isOpen: false, isLeader: false, position: null });
        this.changed();
    }

    // Holds the lock for as long as this tab takes part.
    async lead(signal) {
        this.isLeader = true;
        let failures = 0;
        while (!signal.aborted) {
            const flood = new Flood();
            let wait = soonest;
            try {
                await listen({ since: this.position }, {
                    signal: AbortSignal.any([signal, flood.signal]),
                    opened: () => { failures = 0; this.tell({ isOpen: true }); },
                    heard: (message) => { flood.count(message); this.tell(changeOf(message)); },
                });
            } catch (error) {
                // A position that the server cannot read is none.
                if (error.status === 422) this.position = null;
                failures += 1;
                wait = flood.signal.aborted ? floodPause : Math.min(soonest * 2 ** (failures - 1), latest);
            }
            if (signal.aborted) return;
            // What is missed now is not worth hearing: all is read again.
            if (flood.signal.aborted) this.position = null;
            this.tell({ isOpen: false });
            await rest(wait, signal);
        }
    }

    /** Tells this tab and all others. */
    tell(message) {
        this.part?.channel.postMessage(message);
        this.take(message);
    }

    take(message) {
        if (message.asks) {
            if (this.isLeader) this.part.channel.postMessage({ isOpen: this.isOpen, position: this.position });
            return;
        }
        if (message.position) this.position = message.position;
        if (message.change !== undefined) this.heard(message.change);
        if (message.isOpen === undefined || message.isOpen === this.isOpen) return;
        this.isOpen = message.isOpen;
        // What happened before the stream opened has not been heard.
        if (this.isOpen) this.heard(null);
        this.changed();
    }
}

function changeOf({ id, event, data }) {
    if (!event) return { position: id };
    if (!event.startsWith('dev.martlet.')) return { position: id, change: null };
    const { queue, id: job } = JSON.parse(data).data;
    return { position: id, change: { queue, job } };
}

// Ends the stream when more happens than can be told.
class Flood {
    constructor() {
        this.controller = new AbortController();
        this.signal = this.controller.signal;
        this.from = performance.now();
        this.number = 0;
    }

    count({ event }) {
        if (!event) return;
        const at = performance.now();
        // Five seconds, because one request may push a thousand jobs.
        if (at - this.from > 5000) Object.assign(this, { from: at, number: 0 });
        this.number += 1;
        if (this.number > most * 5) this.controller.abort();
    }
}
