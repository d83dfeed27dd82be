// Overview: health, rates, what needs attention, and all queues.

import { post } from '../core/api.js';
import { noteTotals } from '../core/rates.js';
import { needs } from '../core/session.js';
import { latestTimes, rates } from '../parts/chart.js';
import { confirm } from '../parts/dialog.js';
import {
    answered, badge, button, bytes, count, duration, empty, facts, h, head, percent, section, tile,
} from '../parts/pieces.js';
import { capacityOf } from '../parts/shown.js';
import { say } from '../parts/announce.js';
import { pauseQueue } from './pausing.js';
import { attention } from './attention.js';
import { queueList, queueTable } from './queues.js';

export default {
    path: ['overview'],
    nav: { label: 'Overview', key: 'o' },
    load: (context, get) => ({
        queues: get('v1/queues'), workers: get('v1/workers'), system: get('v1/system'), history: get('v1/history'),
    }),
    table: queueTable,
    changed: noteTotals,
    view: (context) => answered(context, 'queues', ({ queues }) => [
        header(context, queues),
        h('div', { class: 'strip' }, strip(context)),
        rates(null, context.data.history),
        facts(latestTimes(context.data.history)),
        attentionList(context),
        section('Queues', {}, queueList(context)),
    ]),
};

// The pause of all queues stands in each of them.
function header(context, queues) {
    const isPaused = queues[0]?.pause_all;
    const reason = needs('operate', 'pause queues');
    return head('Overview',
        isPaused && badge('paused', 'all queues are paused'),
        h('div', { class: 'buttons' }, isPaused
            ? button('Resume all queues', () => resumeAll(context), { reason })
            : button('Pause all queues', () => pauseQueue(null, context.refresh), { reason })));
}

const resumeAll = (context) => confirm(
    'Resume all queues', 'Workers claim jobs again. A queue that was paused by itself stays paused.', 'Resume',
    async () => { await post('v1/resume', {}); say('Queues are no longer paused together.'); context.refresh(); });

function strip({ data: { system, workers, queues: { queues, damaged } }, errors }) {
    const redis = system?.redis;
    const live = capacityOf(workers?.workers);
    const jobs = (index) => queues.reduce((total, queue) => total + queue.jobs[index], 0);
    const oldest = Math.max(0, ...queues.map((queue) => queue.oldest_wait_seconds));
    const { used_memory_bytes: used, memory_limit_bytes: limit } = redis ?? {};
    const memory = limit ? `${percent(used, limit)} % of ${bytes(limit)}` : redis ? 'no limit is set' : '';
    const version = redis ? `version ${redis.version ?? 'unknown'}` : errors.system ? 'not told' : '';
    const jobsIn = (state) => [['jobs'], { state }];
    const [onSystem, onWorkers] = [[['system']], [['workers']]];
    return [
        tile('Redis', duration(redis?.latency_seconds), onSystem, { note: version }),
        tile('Memory', bytes(used), onSystem, { note: memory }),
        tile('Workers', count(live.workers), onWorkers, { note: `${count(live.busy)} of ${count(live.slots)} slots busy` }),
        tile('Running', count(jobs('active')), jobsIn('active'), { note: 'jobs' }),
        tile('Waiting', count(jobs('queued')), jobsIn('queued'), { note: `oldest ${duration(oldest)}` }),
        jobs('blocked') > 0 && tile('Blocked', count(jobs('blocked')), jobsIn('blocked'), { note: 'by limits' }),
        tile('Failed', count(jobs('failed')), jobsIn('failed'), { note: 'jobs', kind: jobs('failed') ? 'bad' : '' }),
        damaged && tile('Damaged', count(damaged.length), onSystem, { note: 'queues', kind: 'bad' }),
    ];
}

function attentionList({ data }) {
    const found = attention({
        queues: data.queues.queues, damaged: data.queues.damaged, workers: data.workers?.workers, findings: data.system?.findings,
    });
    return section('Needs attention', { class: 'attention' }, found.length
        ? h('ul', null, found.map((item) => h('li', { key: item.text.replace(/\d+/g, '#') + item.href, class: item.level },
            h('span', { class: 'mark', role: 'img', 'aria-label': item.level === 'bad' ? 'Problem' : 'Warning' }, '!'),
            h('a', { href: item.href }, item.text))))
        : empty('Nothing. Queues run, workers answer, and no check has a finding.'));
}
