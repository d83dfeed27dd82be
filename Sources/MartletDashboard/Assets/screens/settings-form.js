// The form of a queue's settings: its fields, and the change that they ask for.

import { h } from '../core/dom.js';
import { session } from '../core/session.js';
import { field } from '../parts/dialog.js';

const kinds = ['completed', 'failed', 'cancelled'];
const day = 86_400;

/** The fields for the settings of a queue. */
export const settingFields = ({ concurrency, lease_seconds, ageing_seconds, durability, retention }) => h('div', { class: 'fields' },
    field('Concurrency, empty for no limit', 'concurrency', { type: 'number', min: 1, max: 1_000_000, initial: concurrency ?? '' }),
    number('Lease in seconds', 'lease_seconds', { min: 5, max: 900, initial: lease_seconds }),
    number('Ageing in seconds, 0 for strict priorities', 'ageing_seconds', { initial: ageing_seconds }),
    h('label', null, 'Durability', h('select', { name: 'durability', initial: durability },
        session.facts.durabilities.map((name) => h('option', { value: name }, name)))),
    kinds.map((kind) => h('fieldset', { key: kind }, h('legend', null, `Keeps ${kind} jobs`),
        number('Days', `${kind}-age`, { max: 365, initial: retention[kind].age_seconds / day }),
        number('At most', `${kind}-count`, { step: 1, initial: retention[kind].count }))));

const number = (label, name, properties) =>
    field(label, name, { type: 'number', min: 0, step: 'any', required: true, ...properties });

/** The body of `PUT /queues/{queue}` for what has been entered. */
export const changeOf = (fields) => ({
    concurrency: fields.get('concurrency') === '' ? null : Number(fields.get('concurrency')),
    lease_seconds: Number(fields.get('lease_seconds')), ageing_seconds: Number(fields.get('ageing_seconds')),
    durability: fields.get('durability'),
    retention: Object.fromEntries(kinds.map((kind) => [kind, {
        age_seconds: Number(fields.get(`${kind}-age`)) * day, count: Number(fields.get(`${kind}-count`)),
    }])),
});
