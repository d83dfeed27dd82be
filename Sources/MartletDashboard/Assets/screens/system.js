// System: the server, its Redis, the checks of both, and the token of this browser.

import { address } from '../core/api.js';
import { session, signOut } from '../core/session.js';
import {
    answered, badge, bar, button, bytes, count, duration, facts, foreign, h, head, muted, percent, section,
} from '../parts/pieces.js';

export default {
    path: ['system'],
    nav: { label: 'System', key: 's' },
    load: (context, get) => ({ system: get('v1/system'), queues: get('v1/queues') }),
    hears: () => false,
    table: () => ({
        caption: 'Checks of Redis and of the queues', key: (finding) => finding.key,
        columns: [
            ['Check', ({ check, number }) => [check, number > 1 && muted(` ${number} times`)]],
            ['Result', ({ result }) => badge(result)],
            ['Advice', ({ advice }) => foreign(advice), 'remark'],
        ],
    }),
    view: (context) => {
        const { system, queues } = context.data;
        return [
            head('System'),
            h('div', { class: 'columns even' },
                h('div', null, answered(context, 'system', (value) => redis(value.redis)), token(context)),
                h('div', null, system && server(system.server))),
            queues?.damaged && damaged(queues.damaged),
            system && section('Checks', {}, context.table.view(grouped(system.findings), 'No check has run yet.')),
        ];
    },
};

const server = (value) => section('Server', {}, facts(
    ['Version', value.version || '–'], ['Up', duration(Math.floor(value.uptime_seconds))],
    ['API', h('a', { href: address('v1/stats') }, address('v1'))],
    ['Metrics', h('a', { href: address('../metrics') }, address('../metrics'))]));

const memory = (used, limit) => h('span', { class: 'progress' }, bar(used, limit, 'Used memory'),
    h('span', null, `${bytes(used)} of ${bytes(limit)}, ${percent(used, limit)} %`));

const redis = (value) => section('Redis', {}, facts(
    ['Version', value.version ?? 'not told'], ['Role', value.role ?? 'not told'], ['Answers in', duration(value.latency_seconds)],
    value.used_memory_bytes !== undefined && ['Memory', value.memory_limit_bytes
        ? memory(value.used_memory_bytes, value.memory_limit_bytes)
        : `${bytes(value.used_memory_bytes)}, no limit is set`],
    value.peak_memory_bytes !== undefined && ['Peak', bytes(value.peak_memory_bytes)],
    value.append_only !== undefined && ['Append-only file', value.append_only ? 'on' : 'off: a restart of Redis loses jobs'],
    ['Clients', count(value.connected_clients)], ['Commands', `${count(value.commands_per_second)}/s`],
    value.uptime_seconds !== undefined && ['Up', duration(value.uptime_seconds)]));

function token(context) {
    const { caller } = session;
    const end = async () => { await signOut(); context.signedOut(); };
    return section('This browser', {}, facts(
        ['Name', foreign(caller.name)], ['Roles', caller.roles.join(', ')],
        ['Queues', caller.queues === '*' ? 'all' : h('code', null, caller.queues)],
        ['Access', caller.needs_token ? 'by token' : 'no token is needed: the server listens on this machine only']),
    caller.needs_token && button('Log out', end));
}

const damaged = (queues) => section('Queues that cannot be read', {}, h('ul', { class: 'problem' }, queues.map((queue) =>
    h('li', { key: queue.name }, h('code', null, queue.name), ` ${queue.detail}`))));

// The checks of queues have the same name; those that say the same are one row.
function grouped(findings) {
    const groups = Map.groupBy(findings, (finding) => JSON.stringify(finding));
    return [...groups].map(([key, group]) => ({ ...group[0], key, number: group.length }));
}
