// What can be done to downloads, one by one, together, and by keys.

import { post, put } from '../core/api.js';
import { plural, visible } from '../core/format.js';
import { needs } from '../core/session.js';
import { allows, verbs as jobVerbs } from '../parts/actions.js';
import { attempt as attemptStep, say } from '../parts/announce.js';
import { confirm } from '../parts/dialog.js';
import { addDownloads } from './add-downloads.js';

/** The verbs of jobs that downloads have too. */
export const verbs = jobVerbs.filter(({ verb }) => ['retry', 'pause', 'resume', 'cancel'].includes(verb));

// Does a step and shows the new numbers.
const attempt = (context, step) => attemptStep(step, context.refresh);

/** Sets how many downloads may run at one time. */
export const setLimit = (context, limit) => attempt(context, async () => {
    await put('downloads/concurrency', { max_concurrent_downloads: limit });
    return `${plural(limit, 'download')} may run at one time.`;
});

/** Adds downloads and shows them, wherever the pointer is. */
export const add = (context) => addDownloads(() => {
    context.table.release();
    context.refresh();
});

/** Pauses or resumes all downloads. */
export const steerAll = (context, verb) => attempt(context, async () => (await post(`downloads/${verb}`, {})).message);

const idsOf = (items) => items.map((item) => item.id);

/** Does a verb to downloads; one that cannot be undone is confirmed first. */
export function act(context, verb, items) {
    if (!items.length) return say('Select a download first: j and k move, x selects.', 'bad');
    const step = async () => {
        const answer = await post('downloads/batch-action', { download_ids: idsOf(items), action: verb.verb });
        const text = `${verb.label}: ${answer.successful} of ${plural(answer.total, 'download')} done.`;
        return answer.failed ? [`${text} ${visible(answer.errors[0].error)}`, 'bad'] : text;
    };
    if (!verb.danger) return attempt(context, step);
    const title = `${verb.label} ${plural(items.length, 'download')}`;
    return confirm(title, 'A running one is asked to stop, and what it has is removed.', title,
        () => attempt(context, step), { danger: true });
}

/** Changes the priority of the row that has the focus, or of all that are selected. */
function move(context, step) {
    const items = context.table.target.filter((item) => allows(item, { verb: 'patch' }));
    if (!items.length) return say('None of these downloads can change its priority now.', 'bad');
    const groups = Map.groupBy(items, (item) => Math.min(1000, Math.max(-1000, item.priority + step)));
    return attempt(context, async () => {
        for (const [priority, group] of groups) {
            await post('downloads/batch-action', { download_ids: idsOf(group), action: 'priority', priority });
        }
        return items.length > 1 ? `${plural(items.length, 'download')} moved.`
            : `${visible(items[0].filename)} has the priority ${[...groups.keys()][0]}.`;
    });
}

/** The keys of the screen. */
export const downloadKeys = (context) => ({
    title: 'Actions',
    keys: [
        ['n', 'Add downloads', () => {
            const reason = needs('produce', 'add downloads');
            if (reason) say(reason, 'bad'); else add(context);
        }],
        ['Shift+ArrowUp', 'Raise the priority', () => move(context, 1)],
        ['Shift+ArrowDown', 'Lower the priority', () => move(context, -1)],
        ...verbs.map((verb) => [verb.key, verb.label, () => act(context, verb, context.table.target)]),
    ],
});
