// Downloads: progress, speed and order, steered one by one or together.

import { can, needs, session } from '../core/session.js';
import { when } from '../core/time.js';
import { allows, obstacleToAll } from '../parts/actions.js';
import { facets, nextPage } from '../parts/filter.js';
import {
    anchor, answered, badge, bar, button, bytes, count, duration, errorText, foreign, h, head, muted, visible,
} from '../parts/pieces.js';
import { actionColumn } from '../parts/table.js';
import { act, add, downloadKeys, setLimit, steerAll, verbs } from './download-actions.js';

export default {
    path: ['downloads'],
    nav: { label: 'Downloads', key: 'd' },
    load: ({ query: { status, cursor } }, get) => ({
        page: get('downloads', { status, cursor, limit: 50 }), status: get('downloads/status'),
    }),
    table: (context) => ({
        caption: 'Downloads in the order in which they run', key: (item) => item.id, name: (item) => item.filename, selects: true,
        columns: [
            ['File', file, 'file'],
            ['State', (item) => badge(item.status)],
            ['Progress', progress, 'wide'],
            ['Size', (item) => bytes(item.total_bytes), 'number'],
            ['Speed', speed, 'number'],
            ['Left', (item) => duration(item.eta_seconds), 'number'],
            ['Priority', (item) => count(item.priority), 'number'],
            ['Remark', remark, 'remark'],
            actionColumn((item) => rowAction(context, item)),
        ],
    }),
    hears: (context, { queue }) => queue === 'downloads',
    keys: (context) => [downloadKeys(context)],
    view: (context) => answered(context, 'status', (status) => [
        header(context, status), states(context, status), answered(context, 'page', (page) => list(context, page)),
    ]),
};

function header(context, status) {
    const reason = needs('operate', 'steer downloads');
    const all = (verb, label) => button(label, () => steerAll(context, verb), { reason });
    return head('Downloads', status.paused && badge('paused'),
        h('div', { class: 'buttons' },
            limitChoice(context, status.max_concurrent_downloads),
            status.paused ? all('resume', 'Resume all') : all('pause', 'Pause all'),
            button('Add downloads', () => add(context), { primary: true, key: 'n', reason: needs('produce', 'add downloads') })));
}

function limitChoice(context, limit) {
    const [least, most] = session.facts.download_concurrency;
    const numbers = Array.from({ length: most - least + 1 }, (_, index) => least + index);
    return h('label', { class: 'stepper' }, 'At one time', h('select', {
        disabled: !can('operate'), value: String(limit ?? ''), onchange: (event) => setLimit(context, Number(event.target.value)),
    }, limit === null && h('option', { value: '' }, 'all'), numbers.map((number) =>
        h('option', { key: number, value: String(number) }, number))));
}

function states(context, status) {
    const counts = {
        '': status.total_jobs, downloading: status.active_downloads, queued: status.queued_downloads,
        paused: status.paused_downloads,
    };
    const words = ['', ...new Set(session.facts.states.map((facts) => facts.download))];
    return facets(context, 'States', 'status', words.map((word) =>
        [word || 'all', word, word in counts ? count(counts[word]) : undefined]));
}

function list(context, page) {
    const { table } = context;
    const nothing = context.query.status ? 'No download fits.' : 'There is no download yet. Add downloads by pasting their addresses.';
    return [
        table.view(page.downloads, nothing),
        h('footer', { class: 'pages' }, nextPage(context, page.next_cursor)),
        table.bar('download', verbs.map((verb) => button(verb.label, () => act(context, verb, table.chosen),
            { key: verb.key, danger: verb.danger, reason: obstacleToAll(verb, table.chosen) }))),
    ];
}

const file = ({ id, filename, url }) =>
    anchor(foreign(filename), ['jobs', 'downloads', id], {}, { title: `${visible(filename)}\n${visible(url)}` });

function progress(item) {
    if (item.status === 'completed') return muted('all');
    if (!item.bytes_downloaded) return h('span', { class: 'muted none' }, '–');
    return h('span', { class: 'progress' },
        bar(item.progress_percent, 100, `Progress of ${item.filename}`), h('span', null, `${Math.floor(item.progress_percent)} %`));
}

const speed = ({ speed_bytes_per_second: value }) => (value ? `${bytes(value)}/s` : '–');

function remark(item) {
    if (item.stop_requested) return muted(`asked to ${item.stop_requested}`);
    if (item.retry_at) return ['attempt ', count(item.attempt + 1), ' ', when(item.retry_at)];
    if (item.starts_at) return ['starts ', when(item.starts_at)];
    if (item.completed_at && !item.error) return when(item.completed_at);
    return item.error ? errorText(item.error) : null;
}

// The one verb that a row offers without being selected.
function rowAction(context, item) {
    const verb = verbs.find((entry) => !entry.danger && allows(item, entry));
    return verb && button(verb.label, () => act(context, verb, [item]), { reason: needs('operate', 'steer downloads') });
}
