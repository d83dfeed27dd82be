// Keeps the numbers of a screen current. The only place that knows how: today by asking again, one round at a time.

const pace = 2000;
const slowest = 30_000;

/** What is shown, how old it is, and whether more will come. */
export class Live {
    /** Calls `changed` after each round and each change of state. */
    constructor(changed) {
        this.changed = changed;
        this.isPaused = false;
        this.stop = () => {};
        document.addEventListener('visibilitychange', () => { if (!document.hidden) this.refresh(); });
        this.clear();
    }

    clear(kept = {}) {
        this.data = kept;
        this.errors = {};
        this.at = null;
        this.lostAt = null;
        this.retryAt = null;
        this.failures = 0;
    }

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
        this.isAsked = false;
        const parts = Object.entries(load(signal));
        const results = await Promise.allSettled(parts.map(([, promise]) => promise));
        if (signal.aborted) return;
        const lost = results.find((result) => isLoss(result.reason));
        for (const [index, [name]] of parts.entries()) {
            const { status, value, reason } = results[index];
            if (status === 'fulfilled') this.data[name] = value;
            // While the server is away the last numbers stay, and their age is shown.
            if (!isLoss(reason)) this.errors[name] = reason;
        }
        if (lost) this.noteLoss(lost.reason);
        else this.noteSuccess();
        this.changed();
    }

    noteSuccess() {
        this.at = Date.now();
        this.lostAt = this.retryAt = this.lostWhy = null;
        this.failures = 0;
    }

    noteLoss(error) {
        this.lostAt ??= Date.now();
        this.lostWhy = error.message;
        this.failures += 1;
    }

    rest() {
        const wait = this.failures ? Math.min(pace * 2 ** (this.failures - 1), slowest) : pace;
        this.retryAt = this.failures ? Date.now() + wait : null;
        return new Promise((resolve) => {
            const timer = setTimeout(resolve, wait);
            this.wake = () => { clearTimeout(timer); resolve(); };
        });
    }

    /** Asks at once; a round in progress is followed by another. */
    refresh() {
        this.isAsked = this.isStale = true;
        this.wake?.();
    }

    /** Stops and continues following. */
    toggle() {
        this.isPaused = !this.isPaused;
        if (!this.isPaused) this.refresh();
        this.changed();
    }
}

// No answer, or one that says that Redis is away.
const isLoss = (error) => error !== undefined && (error?.status === 0 || error?.status >= 500);
