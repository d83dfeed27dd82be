// The questions of `martlet top`: a confirmation, a reason, a priority, a filter.

import MartletCommandSupport
import MartletQueue

/// A question on the last lines of the screen.
struct TopPrompt: Sendable, Equatable {
    /// What the answer is for.
    enum Purpose: Sendable, Equatable {
        case operation(TopOperation)
        case filter
    }

    /// The most characters of an answer.
    static let longest = 200

    var purpose: Purpose
    /// What was typed.
    var text = ""

    /// The question, with what was typed.
    var line: String {
        guard case .operation(let operation) = purpose else { return "Only rows that contain: \(text)_" }
        let what = "\(operation.verb.title) \(operation.subject)"
        switch operation.verb.question {
        case .confirmation, .step: return "\(what)? y does it, any other key does not."
        case .reason: return "\(what)? Enter does it, Esc does not. Reason, for others: \(text)_"
        case .priority: return "\(what)? Enter does it, Esc does not. From -1000 to 1000: \(text)_"
        }
    }

    /// Whether an answer is typed, and not given by one key.
    var takesText: Bool {
        guard case .operation(let operation) = purpose else { return true }
        return operation.verb.question == .reason || operation.verb.question == .priority
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
        let operation = TopOperation(verb, view, rows)
        if case .step = verb.question { return act(operation) }
        prompt = TopPrompt(purpose: .operation(operation))
        return []
    }

    /// Takes a key as a part of an answer.
    mutating func answer(_ key: Key, _ asked: TopPrompt) -> [TopAction] {
        guard asked.takesText else {
            prompt = nil
            guard key == .character("y"), case .operation(let operation) = asked.purpose else {
                message = TopMessage(text: "Nothing was done.")
                return []
            }
            return act(operation)
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
        guard case .operation(var operation) = asked.purpose else {
            prompt = nil
            return []
        }
        if operation.verb.question == .priority {
            guard let priority = Int(asked.text), NewJob.Limit.priorities.contains(priority) else {
                message = TopMessage(text: "A priority is a whole number from -1000 to 1000.", isBad: true)
                return []
            }
            operation.priority = priority
        } else {
            operation.reason = asked.text
        }
        prompt = nil
        return act(operation)
    }

    private mutating func act(_ operation: TopOperation) -> [TopAction] {
        acting += 1
        if case .step = operation.verb.question {} else { marked = [] }
        message = TopMessage(text: "\(operation.verb.title) \(operation.subject)…")
        return [.act(operation)]
    }
}
