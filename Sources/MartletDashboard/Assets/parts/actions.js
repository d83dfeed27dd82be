// What can be done to jobs: one table of verbs, the preview of what an action will do, and its result.

import { post } from '../core/api.js';
import { needs, session } from '../core/session.js';
import { say } from './announce.js';
import { ask, buttons, form, priorityField } from './dialog.js';
import { button, count, h, plural, visible } from './pieces.js';

/** The verbs; `allowed` is the name of the verb in the facts of a state, `can` completes "Only … can be …". */
export const verbs = [
    { verb: 'retry', label: 'Retry', key: 'Shift+r', can: 'retried', will: 'will run again' },
    { verb: 'run', label: 'Run now', key: 'Shift+n', can: 'run now', will: 'will run as soon as a worker is free' },
    { verb: 'pause', label: 'Pause', key: 'Shift+p', can: 'paused', will: 'will be set aside; a running one is asked to stop' },
    { verb: 'resume', label: 'Resume', key: 'Shift+u', can: 'resumed', will: 'will go back to their place in line' },
    { verb: 'priority', allowed: 'patch', label: 'Priority', key: 'Shift+i', can: 'moved', will: 'will have this priority' },
    { verb: 'cancel', label: 'Cancel', key: 'Shift+c', can: 'cancelled', will: 'will end cancelled', danger: true },
    { verb: 'delete', label: 'Delete', key: 'Shift+d', can: 'deleted', will: 'will be forgotten', danger: true },
];

/** Whether a verb has an effect in the state of a job or of a download. */
export const allows = ({ state, status }, { verb, allowed = verb }) => session.facts.states.some((facts) =>
    (state ? facts.state === state : facts.download === status) && facts.verbs.includes(allowed));

// Why a verb has no effect on a job now; null when it has one.
function obstacle(verb, job) {
    const reason = needs('operate', 'change jobs');
    if (reason) return reason;
    const wants = job.state === 'active' && verb.verb === 'resume' && job.stop_requested !== 'pause';
    if (allows(job, verb) && !wants) return null;
    const states = session.facts.states.map((facts) => facts.state).filter((state) => allows({ state }, verb));
    return `Only ${list(states)} jobs can be ${verb.can}; this one is ${job.state ?? job.status}.`;
}

const list = (words) => new Intl.ListFormat('en-GB', { type: 'disjunction' }).format(words);

/** Why a verb has no effect on any of the jobs or downloads now; null when it has one. */
export function obstacleToAll(verb, jobs) {
    const reasons = jobs.map((job) => obstacle(verb, job));
    if (reasons.includes(null)) return null;
    return jobs.length === 1 ? reasons[0] : needs('operate', 'change jobs') ?? `None of these can be ${verb.can} now.`;
}

/**
 * Buttons for all that can be done to jobs, each with its preview; `done` is called afterwards. Those without effect are
 * disabled and not left out, because a button must not move while somebody aims at it.
 */
export const actionButtons = (jobs, done) => verbs.map((verb) => button(verb.label, () => offer(verb, jobs, done), {
    key: verb.key, danger: verb.danger, reason: obstacleToAll(verb, jobs),
}));

/** The keys of all verbs, for the jobs that `target()` names. */
export const actionKeys = (target, done) => ({
    title: 'Actions',
    keys: verbs.map((verb) => [verb.key, verb.label, () => {
        const jobs = target();
        if (!jobs.length) return say('Select a job first: j and k move, x selects.', 'bad');
        const reason = obstacleToAll(verb, jobs);
        if (reason) say(reason, 'bad'); else offer(verb, jobs, done);
    }]),
});

/** Does a verb to jobs. Ids are unique within a queue, so each queue has a request of its own. */
export async function act(verb, jobs, options) {
    const queues = Map.groupBy(jobs, (job) => job.queue);
    const sum = { accepted: [], errors: [] };
    for (const [queue, group] of queues) {
        const ids = group.map((job) => job.id);
        const answer = await post('v1/jobs/actions', { action: verb.verb, ids, ...options }, { queue });
        const done = new Set(answer.results.map((row) => row.id));
        sum.accepted.push(...group.filter((job) => done.has(job.id)));
        sum.errors.push(...answer.errors);
    }
    return sum;
}

/** Shows what an action will do to the jobs, and does it when that is confirmed. */
export async function offer(verb, jobs, done = () => {}) {
    const extra = verb.verb === 'priority' ? { priority: jobs[0].priority ?? 0 } : {};
    let preview = null;
    let result = null;
    const isDone = await ask(`${verb.label} ${plural(jobs.length, 'job')}`, (dialog) => {
        if (!preview && !dialog.isBusy && !dialog.error) {
            queueMicrotask(() => dialog.attempt(async () => { preview = await act(verb, jobs, { ...extra, dry_run: true }); }));
        }
        // Those that cannot be changed have been shown, so they are not asked for again.
        const step = async () => {
            result = await act(verb, preview.accepted, extra);
            if (result.errors.length) throw new Error(refusal(result));
        };
        return form(dialog, step,
            verb.verb === 'priority' && priorityField(extra.priority,
                { oninput: (event) => { extra.priority = event.target.valueAsNumber; } }),
            preview ? previewOf(verb, preview) : h('p', { class: 'muted' }, 'Asking what this would do…'),
            buttons(dialog, preview ? `${verb.label} ${plural(preview.accepted.length, 'job')}` : verb.label,
                { danger: verb.danger, disabled: !preview?.accepted.length }));
    });
    if (result) say(`${verb.label}: ${result.accepted.length} of ${plural(jobs.length, 'job')} done.`, isDone ? 'good' : 'bad');
    if (result) done();
}

const refusal = (result) => `${result.accepted.length} done, ${result.errors.length} refused: ${visible(result.errors[0].error)}`;

/** How many jobs there are, what becomes of them, and the first of them. */
export const named = (jobs, number, fate) => [
    h('p', null, h('strong', null, plural(number, 'job')), fate),
    h('ul', { class: 'names' }, jobs.slice(0, 5).map(({ id, queue }) => h('li', { key: `${queue}/${id}` }, h('code', null, id))),
        number > 5 && h('li', null, `and ${count(number - 5)} more`)),
];

function previewOf(verb, preview) {
    const reasons = Map.groupBy(preview.errors, (error) => error.error);
    return [
        named(preview.accepted, preview.accepted.length, ` ${verb.will}.`),
        reasons.size > 0 && h('p', null, h('strong', null, plural(preview.errors.length, 'job')), ' cannot be changed:'),
        reasons.size > 0 && h('ul', null, [...reasons].slice(0, 5).map(([reason, group]) =>
            h('li', { key: reason }, `${group.length}: ${visible(reason)}`))),
    ];
}
