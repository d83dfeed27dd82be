// The order of a list that changes while somebody reads it: a pure value, so that the rule is in one place.

/**
 * What to show: while it is held, rows stay at their places, those that have left are marked, and new ones wait.
 * `shown` are the keys on the page; `items` is the new list.
 */
export function settle(shown, items, keyOf, isHeld) {
    const byKey = new Map(items.map((item) => [keyOf(item), item]));
    if (!isHeld || !shown.length) {
        return { rows: items.map((item) => ({ key: keyOf(item), item, isGone: false })), waiting: 0 };
    }
    const old = new Set(shown.map((row) => row.key));
    return {
        rows: shown.map((row) => ({ key: row.key, item: byKey.get(row.key) ?? row.item, isGone: !byKey.has(row.key) })),
        waiting: items.filter((item) => !old.has(keyOf(item))).length,
    };
}
