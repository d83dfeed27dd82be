// Adding downloads: one address a line, all or none, with the server's objection beside each line.

import { post } from '../core/api.js';
import { h } from '../core/dom.js';
import { plural, short, visible } from '../core/format.js';
import { say } from '../parts/announce.js';
import { ask, buttons, form, priorityField } from '../parts/dialog.js';

/** Asks for addresses and pushes them in one call; `done` is called afterwards. */
export function addDownloads(done) {
    const entered = { text: '', faults: [] };
    return ask('Add downloads', (dialog) => {
        const urls = linesOf(entered.text);
        return form(dialog, (fields) => push(entered, Number(fields.get('priority')), done),
            h('label', null, 'Addresses, one on each line', h('textarea', {
                name: 'urls', rows: 10, required: true, spellcheck: 'false', autocapitalize: 'off',
                placeholder: 'https://example.com/a.flac', mounted: (node) => node.focus(), oninput: (event) => {
                    Object.assign(entered, { text: event.target.value, faults: [] });
                    dialog.draw();
                },
            })),
            priorityField(0),
            entered.faults.length > 0 && h('ul', { class: 'problem' }, entered.faults.map(([url, detail]) =>
                h('li', { key: url }, h('code', null, visible(short(url, 80))), ` ${visible(detail)}`))),
            buttons(dialog, urls.length ? `Add ${plural(urls.length, 'download')}` : 'Add', { disabled: !urls.length }));
    }, { wide: true });
}

const linesOf = (text) => text.split('\n').map((line) => line.trim()).filter(Boolean);

async function push(entered, priority, done) {
    const urls = linesOf(entered.text);
    try {
        await post('downloads/batch', { downloads: urls.map((url) => ({ url })), priority });
    } catch (error) {
        const line = (fault) => urls[fault.pointer?.match(/\/downloads\/(\d+)/)?.[1]] ?? '';
        entered.faults = (error.body?.errors ?? []).map((fault) => [line(fault), fault.detail]);
        if (entered.faults.length) throw new Error(`None was added: ${plural(entered.faults.length, 'line')} cannot be used.`);
        throw error;
    }
    say(`${plural(urls.length, 'download')} added.`);
    done();
}
