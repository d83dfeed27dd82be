// One verb on all jobs that match the filters: the server counts them first, and changes them in steps that can be stopped.

import { post } from '../core/api.js';
import { allows, named, verbs } from './actions.js';
import { say } from './announce.js';
import { absolute } from './filter.js';
import { ask, buttons, form } from './dialog.js';
import { bar, count, h, plural, visible } from './pieces.js';

// A verb that has no effect in any of the states is left out, and a priority would have to be chosen before.
const offered = ({ state }) => verbs.filter((verb) => verb.verb !== 'priority'
    && (!state || state.split(',').some((one) => allows({ state: one }, verb))));
const nothing = { matched: 0, changed: 0, refused: 0, jobs: [] };

/** Asks what to do to all jobs that match the filters of an address, and does it; `done` is called afterwards. */
export async function actOnAll(chosen, done) {
    const filter = bodyOf(absolute(chosen));
    const state = { verb: null, found: nothing, isCounted: false, sum: null, isClosed: false };
    await ask('Act on all that match', (dialog) => form(dialog, () => change(state, filter, dialog),
        h('p', null, h('code', null, visible(Object.entries(chosen).map(([name, value]) => `${name}:${value}`).join(' ')))),
        h('label', null, 'What is done to them', h('select', {
            required: true, disabled: state.sum !== null, onchange: (event) => choose(state, filter, dialog, event.target.value),
        }, h('option', { value: '' }, 'Choose'), offered(filter).map(({ verb, label }) => h('option', { key: verb, value: verb }, label)))),
        state.verb && (state.sum ? progressOf(state) : named(state.found.jobs, state.found.matched, state.isCounted ? ` ${state.verb.will}.` : ' so far…')),
        buttons(dialog, state.isCounted ? `${state.verb.label} ${plural(state.found.matched, 'job')}` : 'Do it', {
            danger: state.verb?.danger, disabled: !state.isCounted || !state.found.matched || state.sum !== null,
            cancel: state.sum ? 'Stop' : 'Cancel',
        })), { wide: true });
    state.isClosed = true;
    if (!state.sum) return;
    const { changed, refused } = state.sum;
    say(`${state.verb.label}: ${count(changed)} of ${plural(state.found.matched, 'job')} done${refused ? `, ${count(refused)} refused` : ''}.`,
        changed < state.found.matched ? 'bad' : 'good');
    done();
}

// A body has the values of payloads in one object.
function bodyOf(filter) {
    const isPath = ([name]) => name.startsWith('payload.');
    const payload = Object.entries(filter).filter(isPath).map(([name, value]) => [name.slice(8), value]);
    const others = Object.entries(filter).filter((entry) => !isPath(entry));
    return { ...Object.fromEntries(others), payload: payload.length ? Object.fromEntries(payload) : undefined };
}

/** Repeats a request until the server has looked at all jobs; `note` gets the sums and says whether to go on. */
async function walk(body, note) {
    let sum = nothing;
    let cursor;
    do {
        const step = await post('v1/jobs/actions', { ...body, cursor });
        sum = {
            matched: sum.matched + step.matched, changed: sum.changed + step.changed, refused: sum.refused + step.refused,
            jobs: [...sum.jobs, ...step.jobs ?? []].slice(0, 5),
        };
        cursor = step.next_cursor;
        if (!note(sum)) return false;
    } while (cursor);
    return true;
}

// Each verb means only jobs that it has an effect on.
function choose(state, filter, dialog, name) {
    const verb = verbs.find((entry) => entry.verb === name) ?? null;
    Object.assign(state, { verb, found: nothing, isCounted: false });
    dialog.draw();
    return verb && dialog.attempt(async () => {
        state.isCounted = await walk({ action: name, filter, dry_run: true }, (found) => {
            if (state.isClosed || state.verb !== verb) return false;
            state.found = found;
            dialog.draw();
            return true;
        });
    });
}

// Jobs come and go meanwhile; where many have come, the server refuses.
async function change(state, filter, dialog) {
    state.sum = nothing;
    const { matched } = state.found;
    const body = { action: state.verb.verb, filter, expected_count: matched, tolerance: Math.max(10, Math.floor(matched / 10)) };
    await walk(body, (sum) => {
        state.sum = sum;
        dialog.draw();
        return !state.isClosed;
    });
}

const progressOf = ({ found, sum }) => h('p', { class: 'ongoing' }, bar(sum.changed + sum.refused, found.matched, 'Jobs done'),
    h('span', null, `${count(sum.changed)} of ${count(found.matched)} done${sum.refused ? `, ${count(sum.refused)} refused` : ''}`));
