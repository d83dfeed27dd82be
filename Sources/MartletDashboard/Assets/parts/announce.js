// Says what an action of this person has done: to be seen for some seconds, and to be heard by a screen reader.

import { h, render } from '../core/dom.js';

let host = null;
let timer = null;

function draw(text, kind) {
    if (!host) {
        host = document.createElement('div');
        host.className = 'notices';
        host.setAttribute('role', 'status');
        host.setAttribute('aria-live', 'polite');
        // What lies above a dialog must be in it or above everything; this is neither, so it is last.
        document.body.append(host);
    }
    render(host, text ? [h('p', { key: performance.now(), class: `notice ${kind}` }, text)] : []);
}

/** Says a text; `kind` is `good` or `bad`. */
export function say(text, kind = 'good') {
    draw(text, kind);
    clearTimeout(timer);
    timer = setTimeout(() => draw(null), kind === 'bad' ? 12_000 : 5000);
}

/** Does a step of one click: says what it answers or why it has failed, and calls `done`. */
export async function attempt(step, done) {
    try {
        say(...[await step()].flat());
    } catch (error) {
        say(error.message, 'bad');
    }
    done();
}
