// The form of a limit: its values, and whether they are the base value or count in its place for a time.

import { part, put } from '../core/api.js';
import { h } from '../core/dom.js';
import { say } from '../parts/announce.js';
import { confirm, field } from '../parts/dialog.js';

/** Sets a limit of a queue; `limit` is the one to change, or null for a new one. */
export const setLimit = (queue, limit, done) => confirm(limit ? `Set ${limit.key}` : `Set a limit of ${queue}`, h('div', { class: 'fields' },
    limit ? null : field('Key, or class:* for each value', 'key', { required: true, placeholder: 'host:example.com', autocomplete: 'off' }),
    number('At one time, empty for no limit', 'concurrency', { min: 0, initial: limit?.concurrency ?? '' }),
    h('fieldset', null, h('legend', null, 'Starts'),
        number('How many, empty for no limit', 'count', { initial: limit?.rate?.count ?? '' }),
        number('In how many seconds', 'per', { min: 0.001, max: 31_536_000, step: 'any', initial: limit?.rate?.per_seconds ?? 60 }),
        number('At once after a quiet time', 'burst', { initial: limit?.rate?.burst ?? 1 })),
    h('fieldset', null, h('legend', null, 'Counts'),
        h('label', { class: 'switch' }, h('input', { type: 'checkbox', name: 'override' }), 'In place of the base value'),
        number('Then for how many seconds, empty for no end', 'for', { min: 0.001, max: 31_536_000, step: 'any' }))),
'Save', async (fields) => {
    const key = limit?.key ?? fields.get('key');
    const isOverride = fields.has('override');
    await put(`v1/queues/${part(queue)}/limits/${part(key)}${isOverride ? '?override=true' : ''}`, bodyOf(fields, isOverride));
    say(`The limit ${key} is set.`);
    done();
}, { wide: true });

const number = (label, name, properties) => field(label, name, { type: 'number', min: 1, max: 1_000_000, step: 1, ...properties });

/** The body of the request for what has been entered. */
export function bodyOf(fields, isOverride) {
    const value = (name) => (fields.get(name) === '' ? null : Number(fields.get(name)));
    const count = value('count');
    return {
        concurrency: value('concurrency'),
        rate: count === null ? null : { count, per_seconds: value('per') ?? 60, burst: value('burst') ?? 1 },
        ...(isOverride && value('for') !== null && { for_seconds: value('for') }),
    };
}
