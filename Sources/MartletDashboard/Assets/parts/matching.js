// One verb on all jobs that match the filters: they are counted first, and changed in steps that can be stopped.

import { get } from '../core/api.js';
import { h } from '../core/dom.js';
import { count, plural, visible } from '../core/format.js';
import { act, obstacle, verbs } from './actions.js';
import { say } from './announce.js';
import { ask, buttons, form } from './dialog.js';
import { bar } from './pieces.js';

// So many are remembered at one time; for more, it is done once more.
const most = 10_000;
const pageSize = 200;
const stepSize = 500;

// A priority would have to be chosen before.
const offered = verbs.filter(({ verb }) => verb !== 'priority');

/** Asks what to do to all jobs that match the filters of an address, and does it; `done` is called afterwards. */
export async function actOnAll(filter, done) {
    const state = { verb: null, jobs: [], isCounted: false, isMore: false, sum: null, isClosed: false };
    await ask('Act on all that match', (dialog) => form(dialog, () => change(state, dialog),
        h('p', null, h('code', null, visible(Object.entries(filter).map(([name, value]) => `${name}:${value}`).join(' ')))),
        h('label', null, 'What is done to them', h('select', {
            required: true, disabled: state.sum !== null, onchange: (event) => choose(state, filter, dialog, event.target.value),
        }, h('option', { value: '' }, 'Choose'), offered.map(({ verb, label }) => h('option', { key: verb, value: verb }, label)))),
        state.verb && (state.sum ? progressOf(state) : previewOf(state)),
        buttons(dialog, state.isCounted ? `${state.verb.label} ${plural(state.jobs.length, 'job')}` : 'Do it', {
            danger: state.verb?.danger, disabled: !state.isCounted || !state.jobs.length || state.sum !== null,
            cancel: state.sum ? 'Stop' : 'Cancel',
        })), { wide: true });
    state.isClosed = true;
    if (!state.sum) return;
    const { changed, refused } = state.sum;
    say(`${state.verb.label}: ${count(changed)} of ${plural(state.jobs.length, 'job')} done${refused ? `, ${count(refused)} refused` : ''}.`,
        changed < state.jobs.length ? 'bad' : 'good');
    done();
}

// Each verb means only jobs that it has an effect on.
function choose(state, filter, dialog, name) {
    const verb = offered.find((entry) => entry.verb === name) ?? null;
    Object.assign(state, { verb, jobs: [], isCounted: false, isMore: false });
    if (!verb) return dialog.draw();
    return dialog.attempt(async () => {
        let cursor;
        do {
            const page = await get('v1/jobs', { ...filter, cursor, limit: pageSize });
            if (state.isClosed || state.verb !== verb) return;
            const fitting = page.jobs.filter((job) => obstacle(verb, job) === null).map(({ id, queue }) => ({ id, queue }));
            state.jobs = [...state.jobs, ...fitting].slice(0, most);
            cursor = page.next_cursor;
            dialog.draw();
        } while (cursor && state.jobs.length < most);
        Object.assign(state, { isCounted: true, isMore: Boolean(cursor) });
    });
}

async function change(state, dialog) {
    state.sum = { changed: 0, refused: 0 };
    for (let from = 0; from < state.jobs.length && !state.isClosed; from += stepSize) {
        const { accepted, errors } = await act(state.verb, state.jobs.slice(from, from + stepSize), {});
        state.sum = { changed: state.sum.changed + accepted.length, refused: state.sum.refused + errors.length };
        dialog.draw();
    }
}

const previewOf = ({ verb, jobs, isCounted, isMore }) => [
    h('p', null, h('strong', null, plural(jobs.length, 'job')), isCounted ? ` ${verb.will}.` : ' so far…',
        isMore && ' More match; these are the first of them.'),
    h('ul', { class: 'names' }, jobs.slice(0, 5).map(({ id, queue }) => h('li', { key: `${queue}/${id}` }, h('code', null, id))),
        jobs.length > 5 && h('li', null, `and ${count(jobs.length - 5)} more`)),
];

const progressOf = ({ jobs, sum }) => h('p', { class: 'ongoing' }, bar(sum.changed + sum.refused, jobs.length, 'Jobs done'),
    h('span', null, `${count(sum.changed)} of ${count(jobs.length)} done${sum.refused ? `, ${count(sum.refused)} refused` : ''}`));
