// The questions of `martlet top`: a confirmation, a reason, a priority, a filter.

import MartletCommandSupport
import MartletQueue

/// A question on the last lines of the screen.
struct TopPrompt: Sendable, Equatable {
    /// What the answer is for.
    enum Purpose: Sendable, Equatable {
        case deed(TopDeed)
        case filter
    }

    /// The most characters of an answer.
    static let longest = 200

    var purpose: Purpose
    /// What was typed.
    var text = ""

    /// The question, with what was typed.
    var line: String {
        guard case .deed(let deed) = purpose else { return "Only rows that contain: \(text)_" }
        let what = "\(deed.verb.title) \(deed.subject)"
        switch deed.verb.question {
        case .confirmation, .step: return "\(what)? y does it, any other key does not."
        case .reason: return "\(what)? Enter does it, Esc does not. Reason, for others: \(text)_"
        case .priority: return "\(what)? Enter does it, Esc does not. From -1000 to 1000: \(text)_"
        }
    }

    /// Whether an answer is typed, and not given by one key.
    var takesText: Bool {
        guard case .deed(let deed) = purpose else { return true }
        return deed.verb.question == .reason || deed.verb.question == .priority
    }

    mutating func type(_ key: Key) {
        switch key {
        case .character(let character) where text.count < Self.longest: text.append(character)
        case .backspace: text = String(text.dropLast())
        case .erase: text = ""
        default: break
        }
    }
}

extension TopState {
    /// Asks what a verb needs to know, or does it at once.
    mutating func begin(_ verb: TopVerb) -> [TopAction] {
        let rows = targets
        guard !rows.isEmpty else {
            message = TopMessage(text: "There is no row to \(verb.title.lowercased()).", isBad: true)
            return []
        }
        let deed = TopDeed(verb, view, rows)
        if case .step = verb.question { return act(deed) }
        prompt = TopPrompt(purpose: .deed(deed))
        return []
    }

    /// Takes a key as a part of an answer.
    mutating func answer(_ key: Key, _ asked: TopPrompt) -> [TopAction] {
        guard asked.takesText else {
            prompt = nil
            guard key == .character("y"), case .deed(let deed) = asked.purpose else {
                message = TopMessage(text: "Nothing was done.")
                return []
            }
            return act(deed)
        }
        switch key {
        case .escape:
            prompt = nil
            if asked.purpose == .filter { filter = "" }
        case .enter: return submit(asked)
        default:
            prompt?.type(key)
            if asked.purpose == .filter { filter = prompt?.text ?? "" }
        }
        if asked.purpose == .filter { keepCursor() }
        return []
    }

    private mutating func submit(_ asked: TopPrompt) -> [TopAction] {
        guard case .deed(var deed) = asked.purpose else {
            prompt = nil
            return []
        }
        if deed.verb.question == .priority {
            guard let priority = Int(asked.text), NewJob.Limit.priorities.contains(priority) else {
                message = TopMessage(text: "A priority is a whole number from -1000 to 1000.", isBad: true)
                return []
            }
            deed.priority = priority
        } else {
            deed.reason = asked.text
        }
        prompt = nil
        return act(deed)
    }

    private mutating func act(_ deed: TopDeed) -> [TopAction] {
        acting += 1
        if case .step = deed.verb.question {} else { marked = [] }
        message = TopMessage(text: "\(deed.verb.title) \(deed.subject)…")
        return [.act(deed)]
    }
}
