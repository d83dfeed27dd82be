// Addresses of screens: `#/jobs?state=failed`. They are fragments, so they work below any path.

/** The screen's path and query in the address bar. */
export function here() {
    const [path, query] = location.hash.replace(/^#\/?/, '').split('?', 2);
    return { path: path.split('/').filter(Boolean).map(decoded), query: Object.fromEntries(new URLSearchParams(query)) };
}

function decoded(segment) {
    try {
        return decodeURIComponent(segment);
    } catch {
        return segment;
    }
}

/** The address of a screen: its path in segments, and its query without empty values. */
export function link(path, query = {}) {
    const pairs = Object.entries(query).filter(([, value]) => value);
    const text = new URLSearchParams(pairs).toString().replaceAll('%3A', ':').replaceAll('%2C', ',');
    return '#/' + path.map(encodeURIComponent).join('/') + (text ? '?' + text : '');
}

/** Goes to a screen; `replaces` leaves no entry in the history. */
export function go(address, replaces = false) {
    if (replaces) location.replace(address);
    else location.hash = address;
}

/** The parameters of `path` if `pattern` (`['queues', ':queue']`) fits it, else null. */
export function match(pattern, path) {
    if (pattern.length !== path.length) return null;
    const parameters = {};
    for (const [index, word] of pattern.entries()) {
        if (word.startsWith(':')) parameters[word.slice(1)] = path[index];
        else if (word !== path[index]) return null;
    }
    return parameters;
}
