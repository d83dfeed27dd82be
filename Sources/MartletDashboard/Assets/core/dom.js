// Describes the page as values and brings the document in line with them. All content is set as text, so nothing that a
// job holds can become markup. Elements are kept where they can be, and with them focus, selection and scroll positions.

// What the element itself knows better than its attributes do.
const state = new Set(['value', 'checked', 'indeterminate', 'selected']);

/**
 * Describes an element.
 * `properties` are attributes, listeners (`onclick`), `key` (its identity among its siblings), `initial` (a value that a
 * person may change) and `mounted`, which is called with the new element. Children are descriptions, texts or numbers;
 * null and false leave a gap.
 */
export function h(tag, properties, ...children) {
    return { tag, key: properties?.key, properties: properties ?? {}, children: children.flat(Infinity) };
}

/** Makes the children of `parent` what `children` describe. */
export function render(parent, children) {
    if (!parent.$entries) parent.replaceChildren();
    patchChildren(parent, Array.isArray(children) ? children.flat(Infinity) : [children], false);
}

function patchChildren(parent, children, isSVG) {
    const old = parent.$entries ?? [];
    const keyed = new Map(old.filter((entry) => entry.key != null).map((entry) => [entry.key, entry]));
    const loose = old.filter((entry) => entry.key == null);
    const mounted = [];
    let place = 0;
    const next = children.map((child) => {
        const key = child?.key;
        const known = key == null ? loose[place++] : keyed.get(key);
        return known && known.tag === tagOf(child) ? update(known, child, isSVG) : create(child, isSVG, mounted);
    });
    const kept = new Set(next.map((entry) => entry.node));
    for (const { node } of old) if (!kept.has(node)) node.remove();
    let cursor = parent.firstChild;
    for (const { node } of next) {
        if (node === cursor) cursor = cursor.nextSibling;
        else parent.insertBefore(node, cursor);
    }
    parent.$entries = next;
    for (const [call, node] of mounted) call(node);
}

const isGap = (child) => child == null || child === false || child === true;
const tagOf = (child) => (isGap(child) ? '!' : typeof child === 'object' ? child.tag : '#');

function create(child, isSVG, mounted) {
    const tag = tagOf(child);
    if (tag === '!') return { tag, node: document.createComment('') };
    if (tag === '#') return { tag, text: String(child), node: document.createTextNode(String(child)) };
    const inSVG = isSVG || tag === 'svg';
    const node = inSVG ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag);
    const entry = { tag, key: child.key, node, properties: {} };
    if (child.properties.mounted) mounted.push([child.properties.mounted, node]);
    return update(entry, child, inSVG);
}

function update(entry, child, isSVG) {
    if (entry.tag === '!') return entry;
    if (entry.tag === '#') {
        const text = String(child);
        if (entry.text !== text) entry.node.data = entry.text = text;
        return entry;
    }
    patchChildren(entry.node, child.children, isSVG || entry.tag === 'svg');
    for (const name of Object.keys(entry.properties)) {
        if (!(name in child.properties)) setProperty(entry.node, name, null);
    }
    for (const [name, value] of Object.entries(child.properties)) {
        if (state.has(name) || entry.properties[name] !== value) setProperty(entry.node, name, value);
    }
    entry.properties = child.properties;
    return entry;
}

function setProperty(node, name, value) {
    if (name === 'key' || name === 'mounted') return;
    if (name.startsWith('on')) return listen(node, name.slice(2), value);
    if (name === 'initial') {
        node.value = value;
    } else if (state.has(name)) {
        if (node[name] !== value) node[name] = value ?? '';
    } else if (value == null || value === false) {
        node.removeAttribute(name);
    } else {
        node.setAttribute(name, value === true ? '' : String(value));
    }
}

function listen(node, type, handler) {
    node.$handlers ??= {};
    if (!(type in node.$handlers)) node.addEventListener(type, (event) => node.$handlers[type]?.(event));
    node.$handlers[type] = handler;
}
