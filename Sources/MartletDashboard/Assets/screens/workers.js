// Workers: processes with their queues, busy slots, running jobs and last sign of life.

import { since, when } from '../core/time.js';
import {
    anchor, answered, badge, bar, count, duration, foreign, h, head, muted, problem, short,
} from '../parts/pieces.js';
import { capacityOf, queueLink } from '../parts/shown.js';

export default {
    path: ['workers'],
    nav: { label: 'Workers', key: 'w' },
    load: (context, get) => ({ workers: get('v1/workers'), queues: get('v1/queues') }),
    table: () => ({
        caption: 'Worker processes', key: (worker) => worker.id,
        columns: [
            ['Host', host, 'job'],
            ['State', state],
            ['Version', (worker) => foreign(infoOf(worker).version || '–')],
            ['Queues and busy slots', (worker) => worker.queues.map(slots), 'wide'],
            ['Runs', runs, 'wide'],
            ['Up', uptime, 'number'],
            ['Last seen', (worker) => when(worker.last_seen_at), 'number'],
        ],
    }),
    // Heartbeats are no events.
    hears: () => false,
    view: (context) => answered(context, 'workers', ({ workers }) => {
        const alive = workers.filter((worker) => worker.alive);
        return [
            head('Workers', muted(`${count(alive.length)} alive, ${count(workers.length - alive.length)} gone in the last hour`)),
            unserved(context.data.queues?.queues ?? [], alive),
            context.table.view(sorted(workers), 'No worker has been seen in the last hour. ', h('code', null, 'martlet work'), ' starts one.'),
        ];
    }),
};

// Those that live come first; each group in the order of its hosts, which does not change from poll to poll.
const sorted = (workers) => workers.toSorted((a, b) =>
    Number(b.alive) - Number(a.alive) || `${infoOf(a).host} ${a.id}`.localeCompare(`${infoOf(b).host} ${b.id}`));

const infoOf = (worker) => worker.queues[0]?.info ?? {};

function unserved(queues, alive) {
    const names = queues.filter((queue) => queue.jobs.queued > 0 && !capacityOf(alive, queue.name).workers);
    return names.length > 0 && problem('Jobs wait in queues that no live worker serves: ',
        names.map((queue, index) => [index ? ', ' : '', queueLink(queue.name)]));
}

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
        anchor(short(id, 14), ['jobs', queue, id], {}, { key: `${queue}/${id}`, class: 'inline', title: id }));
    return [shown, jobs.length > 3 && muted(`and ${count(jobs.length - 3)} more`)];
}
