// Downloads: progress, speed and order, steered one by one or together.

import { get } from '../core/api.js';
import { h } from '../core/dom.js';
import { bytes, count, duration, visible } from '../core/format.js';
import { link } from '../core/router.js';
import { can, needs, session } from '../core/session.js';
import { when } from '../core/time.js';
import { facets, nextPage } from '../parts/filter.js';
import { asking, badge, bar, button, empty, foreign, head, muted } from '../parts/pieces.js';
import { actionColumn, Table } from '../parts/table.js';
import { act, add, allows, downloadKeys, setLimit, steerAll, verbs } from './download-actions.js';

export default {
    path: ['downloads'],
    nav: { label: 'Downloads', key: 'd' },
    title: () => 'Downloads',
    load: ({ query: { status, cursor } }, signal) => ({
        page: get('downloads', { status, cursor, limit: 50 }, signal), status: get('downloads/status', {}, signal),
    }),
    open: (context) => ({ table: downloadTable(context) }),
    hears: (context, { queue }) => queue === 'downloads',
    keys: (context) => [context.state.table.keys, downloadKeys(context)],
    view: (context) => {
        const { page, status } = context.data;
        if (!status) return asking();
        return [header(context, status), states(context, status), page ? list(context, page) : asking()];
    },
};

function header(context, status) {
    const reason = needs('operate', 'steer downloads');
    const all = (verb, label) => button(label, { reason, run: () => steerAll(context, verb) });
    return head('Downloads', status.paused && badge('paused'),
        h('div', { class: 'buttons' },
            limitChoice(context, status.max_concurrent_downloads),
            status.paused ? all('resume', 'Resume all') : all('pause', 'Pause all'),
            button('Add downloads', {
                primary: true, key: 'n', reason: needs('produce', 'add downloads'), run: () => add(context),
            })));
}

function limitChoice(context, limit) {
    const [least, most] = session.facts.download_concurrency;
    const numbers = Array.from({ length: most - least + 1 }, (_, index) => least + index);
    return h('label', { class: 'stepper' }, 'At one time', h('select', {
        disabled: !can('operate'), value: String(limit ?? ''), onchange: (event) => setLimit(context, Number(event.target.value)),
    }, limit === null && h('option', { value: '' }, 'all'), numbers.map((number) =>
        h('option', { key: number, value: String(number) }, number))));
}

function states({ query }, status) {
    const counts = {
        '': status.total_jobs, downloading: status.active_downloads, queued: status.queued_downloads,
        paused: status.paused_downloads,
    };
    const words = ['', ...new Set(session.facts.states.map((facts) => facts.download))];
    return facets('States', words.map((word) => [word || 'all', link(['downloads'], { status: word }), (query.status ?? '') === word,
        word in counts ? count(counts[word]) : undefined]));
}

function list(context, page) {
    const { table } = context.state;
    const nothing = context.query.status ? 'No download fits.' : 'There is no download yet. Add downloads by pasting their addresses.';
    return [
        page.downloads.length || table.rows.length ? table.view(page.downloads) : empty(nothing),
        nextPage(context, page.next_cursor),
        table.bar('download', verbs.map((verb) => button(verb.label, {
            key: verb.key, danger: verb.danger, reason: obstacle(verb, table.chosen), run: () => act(context, verb, table.chosen),
        }))),
    ];
}

const obstacle = (verb, items) => needs('operate', 'steer downloads')
    ?? (items.some((item) => allows(item, verb.verb)) ? null : `None of these downloads can be ${verb.can} now.`);

const downloadTable = (context) => new Table({
    caption: 'Downloads in the order in which they run', key: (item) => item.id, name: (item) => item.filename,
    selects: true, redraw: context.redraw,
    columns: [
        { head: 'File', kind: 'file', cell: file },
        { head: 'State', cell: (item) => badge(item.status) },
        { head: 'Progress', kind: 'wide', cell: progress },
        { head: 'Size', kind: 'number', cell: (item) => bytes(item.total_bytes) },
        { head: 'Speed', kind: 'number', cell: speed },
        { head: 'Left', kind: 'number', cell: (item) => duration(item.eta_seconds) },
        { head: 'Priority', kind: 'number', cell: (item) => count(item.priority) },
        { head: 'Remark', kind: 'remark', cell: remark },
        actionColumn((item) => rowAction(context, item)),
    ],
});

const file = (item) =>
    h('a', { href: link(['jobs', 'downloads', item.id]), title: `${visible(item.filename)}\n${visible(item.url)}` }, foreign(item.filename));

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
    return item.error ? h('span', { class: 'error', title: visible(item.error) }, foreign(item.error)) : null;
}

// The one verb that a row offers without being selected.
function rowAction(context, item) {
    const verb = ['retry', 'pause', 'resume'].map((name) => verbs.find((entry) => entry.verb === name))
        .find((entry) => allows(item, entry.verb));
    return verb && button(verb.label, { reason: needs('operate', 'steer downloads'), run: () => act(context, verb, [item]) });
}
