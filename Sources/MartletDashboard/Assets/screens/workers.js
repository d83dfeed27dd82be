// Workers: processes with their queues, busy slots, running jobs and last sign of life.

import { get } from '../core/api.js';
import { h } from '../core/dom.js';
import { count, duration, short } from '../core/format.js';
import { link } from '../core/router.js';
import { since, when } from '../core/time.js';
import { asking, badge, bar, empty, foreign, head, muted } from '../parts/pieces.js';
import { capacityOf, queueLink } from '../parts/shown.js';
import { Table } from '../parts/table.js';

export default {
    path: ['workers'],
    nav: { label: 'Workers', key: 'w' },
    title: () => 'Workers',
    load: (context, signal) => ({ workers: get('v1/workers', {}, signal), queues: get('v1/queues', {}, signal) }),
    open: (context) => ({ table: workerTable(context) }),
    // Heartbeats are no events.
    hears: () => false,
    keys: (context) => [context.state.table.keys],
    view: (context) => {
        const { workers, queues } = context.data;
        if (!workers) return asking();
        const alive = workers.workers.filter((worker) => worker.alive);
        const gone = workers.workers.length - alive.length;
        return [
            head('Workers', muted(`${count(alive.length)} alive, ${count(gone)} gone in the last hour`)),
            unserved(queues?.queues ?? [], alive),
            workers.workers.length ? context.state.table.view(sorted(workers.workers))
                : empty('No worker has been seen in the last hour. ', h('code', null, 'martlet work'), ' starts one.'),
        ];
    },
};

// Those that live come first; each group in the order of its hosts, which does not change from poll to poll.
const sorted = (workers) => workers.toSorted((a, b) =>
    Number(b.alive) - Number(a.alive) || `${infoOf(a).host} ${a.id}`.localeCompare(`${infoOf(b).host} ${b.id}`));

const infoOf = (worker) => worker.queues[0]?.info ?? {};

function unserved(queues, alive) {
    const names = queues.filter((queue) => queue.jobs.queued > 0 && !capacityOf(alive, queue.name).workers);
    return names.length > 0 && h('p', { class: 'problem' }, 'Jobs wait in queues that no live worker serves: ',
        names.map((queue, index) => [index ? ', ' : '', queueLink(queue.name)]));
}

const workerTable = (context) => new Table({
    caption: 'Worker processes', key: (worker) => worker.id, redraw: context.redraw,
    columns: [
        { head: 'Host', kind: 'job', cell: host },
        { head: 'State', cell: state },
        { head: 'Version', cell: (worker) => foreign(infoOf(worker).version || '–') },
        { head: 'Queues and busy slots', kind: 'wide', cell: (worker) => worker.queues.map(slots) },
        { head: 'Runs', kind: 'wide', cell: runs },
        { head: 'Up', kind: 'number', cell: uptime },
        { head: 'Last seen', kind: 'number', cell: (worker) => when(worker.last_seen_at) },
    ],
});

const host = (worker) => [
    foreign(infoOf(worker).host || short(worker.id, 20)),
    h('span', { class: 'type', title: worker.id }, infoOf(worker).pid ? `process ${infoOf(worker).pid}` : short(worker.id, 20)),
];

function state(worker) {
    const said = infoOf(worker).state ?? 'running';
    return worker.alive || said === 'stopped' ? badge(said) : badge('failed', 'silent');
}

const slots = ({ queue, info }) => h('div', { key: queue, class: 'slots' },
    queueLink(queue), bar(info?.busy ?? 0, info?.slots, `Busy slots of ${queue}`),
    h('span', null, `${count(info?.busy)}/${count(info?.slots)}`));

const uptime = (worker) => infoOf(worker).started_at ? duration(Math.floor(since(infoOf(worker).started_at))) : '–';

function runs(worker) {
    const jobs = worker.queues.flatMap((entry) => (entry.info?.jobs ?? []).map((id) => [entry.queue, id]));
    if (!jobs.length) return muted('nothing');
    const shown = jobs.slice(0, 3).map(([queue, id]) =>
        h('a', { key: `${queue}/${id}`, class: 'inline', href: link(['jobs', queue, id]), title: id }, short(id, 14)));
    return [shown, jobs.length > 3 && muted(`and ${count(jobs.length - 3)} more`)];
}
