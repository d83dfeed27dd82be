// Keeps the numbers of a screen current: asks when an event says that they have changed, and every few seconds besides,
// because ages and memory change without events.

// Between two rounds in milliseconds: while events are heard, and while there are none.
const calm = 5000;
const pace = 2000;
const slowest = 30_000;
// The least time between two rounds, and how many times as long as the last one took.
const least = 400;
const share = 2;

/** What is shown, how old it is, and whether more will come. */
export class Live {
    /** Calls `changed` after each round and each change of state; `hears()` says whether events tell of changes. */
    constructor(changed, hears) {
        Object.assign(this, { changed, hears, isPaused: false, stop: () => {} });
        document.addEventListener('visibilitychange', () => { if (!document.hidden) this.refresh(); });
        this.clear();
    }

    clear(kept = {}) {
        Object.assign(this, { data: kept, errors: {}, at: null, lostWhy: null, retryAt: null, failures: 0, begun: 0, took: 0 });
        clearTimeout(this.nudging);
        this.nudging = null;
    }

    /** Whether the last answers are missing. */
    get isLost() { return this.failures > 0; }

    /**
     * Follows what `load(signal)` answers: an object of promises. Ends what was followed before; `kept` is what is shown
     * of it until the first answers.
     */
    follow(load, kept) {
        this.stop();
        this.clear(kept);
        const controller = new AbortController();
        this.stop = () => { controller.abort(); this.wake?.(); };
        this.run(load, controller.signal);
    }

    async run(load, signal) {
        while (!signal.aborted) {
            this.isStale = false;
            if (!document.hidden && (!this.isPaused || this.isAsked || !this.at)) await this.round(load, signal);
            if (!signal.aborted && !this.isStale) await this.rest();
        }
    }

    async round(load, signal) {
        const isWanted = this.isAsked || !this.at;
        this.isAsked = false;
        this.begun = performance.now();
        const parts = Object.entries(load(signal));
        const results = await Promise.allSettled(parts.map(([, promise]) => promise));
        // What was asked for before the updates were stopped must not change the page after that.
        if (signal.aborted || (this.isPaused && !isWanted)) return;
        this.took = performance.now() - this.begun;
        const lost = results.find((result) => isLoss(result.reason));
        for (const [index, [name]] of parts.entries()) {
            const { status, value, reason } = results[index];
            if (status === 'fulfilled') this.data[name] = value;
            // While the server does not answer the last numbers stay, and their age is shown.
            if (!isLoss(reason)) this.errors[name] = reason;
        }
        if (lost) Object.assign(this, { failures: this.failures + 1, lostWhy: lost.reason.message });
        else Object.assign(this, { failures: 0, lostWhy: null, retryAt: null, at: Date.now() });
        this.changed();
    }

    rest() {
        const wait = this.isLost ? Math.min(pace * 2 ** (this.failures - 1), slowest) : this.hears() ? calm : pace;
        this.retryAt = this.isLost ? Date.now() + wait : null;
        return new Promise((resolve) => {
            const timer = setTimeout(resolve, wait);
            this.wake = () => { clearTimeout(timer); resolve(); };
        });
    }

    /** Asks at once, also while updates are stopped; a round in progress is followed by another. */
    refresh() {
        this.isAsked = true;
        this.renew();
    }

    renew() {
        this.isStale = true;
        this.wake?.();
    }

    /** Asks soon, once for all that changes until then; a slow server is asked less often. */
    nudge() {
        if (this.nudging || this.isPaused || document.hidden) return;
        const due = this.begun + Math.max(least, this.took * share);
        this.nudging = setTimeout(() => {
            this.nudging = null;
            if (!this.isPaused) this.renew();
        }, Math.max(0, due - performance.now()));
    }

    /** Stops and continues following. */
    toggle() {
        this.isPaused = !this.isPaused;
        if (!this.isPaused) this.refresh();
        this.changed();
    }
}

// No answer, or one that says that Redis is unavailable.
const isLoss = (error) => error !== undefined && (error?.status === 0 || error?.status >= 500);
