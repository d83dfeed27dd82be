// JSON as text. Values are never parsed for display, so integers of any size and the order of members stay as they are.

/** The text of each member of an object, as it is spelled. */
export function members(text) {
    const found = {};
    let depth = 0;
    let start = -1;
    let key = null;
    for (const { kind, from, to } of tokens(text)) {
        if (kind === '{' || kind === '[') depth += 1;
        if (depth === 1 && kind === 'text' && key === null) key = text.slice(from + 1, to - 1);
        else if (depth === 1 && kind === ':' && start < 0) start = to;
        else if (start >= 0 && depth === 1 && (kind === ',' || kind === '}')) {
            found[key] = text.slice(start, from).trim();
            key = null;
            start = -1;
        }
        if (kind === '}' || kind === ']') depth -= 1;
    }
    return found;
}

/** The same JSON with line breaks and indentation. */
export function indented(text) {
    let lines = '';
    let depth = 0;
    let isOpen = false;
    const newline = () => '\n' + '  '.repeat(depth);
    for (const { kind, from, to } of tokens(text)) {
        const closes = kind === '}' || kind === ']';
        if (closes) depth -= 1;
        if (closes ? !isOpen : isOpen) lines += newline();
        isOpen = kind === '{' || kind === '[';
        if (isOpen) depth += 1;
        lines += text.slice(from, to) + (kind === ':' ? ' ' : kind === ',' ? newline() : '');
    }
    return lines;
}

/** Splits JSON into marks, texts and other words; what is no JSON becomes words. */
function* tokens(text) {
    const pattern = /\s*(?:([{}[\]:,])|("(?:[^"\\]|\\.)*")|([^\s{}[\]:,"]+|"))/gsy;
    for (let found = pattern.exec(text); found; found = pattern.exec(text)) {
        const to = pattern.lastIndex;
        const word = found[1] ?? found[2] ?? found[3];
        yield { kind: found[1] ?? (found[2] ? 'text' : 'word'), from: to - word.length, to };
    }
}
