// What each key does in `martlet top`. Lower-case keys change only what is shown; upper-case keys act.

import MartletCommandSupport
import MartletJSON

extension TopState {
    /// Takes a key.
    mutating func press(_ key: Key) -> [TopAction] {
        if key == .redraw { return [.redraw] }
        if let prompt {
            message = nil
            return answer(key, prompt)
        }
        message = nil
        if showsHelp {
            showsHelp = false
            return key == .character("q") ? quit() : []
        }
        switch key {
        case .character(let character): return press(character)
        case .escape, .backspace: back()
        case .enter: open()
        case .tab, .right: show(view.advanced(by: 1))
        case .left: show(view.advanced(by: -1))
        default: scroll(key)
        }
        return []
    }

    private mutating func press(_ character: Character) -> [TopAction] {
        if let verb = TopVerb.of(view, key: character) { return begin(verb) }
        if let view = TopView.allCases.first(where: { $0.digit == character }) { show(view) }
        switch character {
        case "q": return quit()
        case "?": showsHelp = true
        case "/": prompt = TopPrompt(purpose: .filter, text: filter)
        case "h": show(view.advanced(by: -1))
        case "l": show(view.advanced(by: 1))
        case "j": scroll(.down)
        case "k": scroll(.up)
        case "g": scroll(.home)
        case "G": scroll(.end)
        case "p": toggleFreeze()
        case "s": showNextStates()
        case "i": openDetail()
        case " ": toggleMark()
        case "A": markAll()
        default: break
        }
        return []
    }

    /// Quits, after the answers to actions.
    private mutating func quit() -> [TopAction] {
        guard acting > 0 else { return [.quit] }
        isQuitting = true
        message = TopMessage(text: "Quits when the server has answered; Ctrl-C quits at once.")
        return []
    }

    private mutating func scroll(_ key: Key) {
        let page = max(1, size.rows - 8)
        let step = [Key.up: -1, .down: 1, .pageUp: -page, .pageDown: page, .home: -Self.far, .end: Self.far][key] ?? 0
        guard step != 0 else { return }
        guard let detail else { return move(by: step) }
        let last = max(0, detailLines.count - 1)
        self.detail?.offset = min(max(0, detail.offset + step), last)
    }

    /// Further than any list is long.
    private static let far = 1 << 30

    private mutating func show(_ view: TopView) {
        guard view != self.view || detail != nil else { return }
        self.view = view
        detail = nil
        marked = []
        filter = ""
        reload()
    }

    /// One step back: from a row to its list, from a queue's jobs to all jobs, from the filter to all rows.
    private mutating func back() {
        if detail != nil {
            detail = nil
        } else if !marked.isEmpty {
            marked = []
        } else if !filter.isEmpty {
            filter = ""
        } else if queue != nil, view == .jobs || view == .errors {
            queue = nil
            reload()
        }
    }

    /// From a queue to its jobs; from another row to everything about it.
    private mutating func open() {
        guard view == .queues, detail == nil else { return openDetail() }
        guard let name = current?.item["name"].string else { return }
        queue = name
        show(.jobs)
    }

    private mutating func openDetail() {
        guard detail == nil, let row = current else { return }
        detail = TopDetail(row: row, request: .detail(row, in: view))
        reload()
    }

    private mutating func toggleFreeze() {
        isFrozen.toggle()
        if !isFrozen { reload() }
    }

    private mutating func showNextStates() {
        guard view == .jobs else { return }
        states = (states + 1) % TopStates.all.count
        marked = []
        reload()
    }

    private mutating func toggleMark() {
        guard detail == nil, let row = current else { return }
        if marked.remove(row.key) == nil { marked.insert(row.key) }
        move(by: 1)
    }

    private mutating func markAll() {
        guard detail == nil else { return }
        let keys = Set(rows.map(\.key))
        marked = marked == keys ? [] : keys
    }
}
