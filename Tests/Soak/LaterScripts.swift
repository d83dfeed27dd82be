// The scripts of a later version, made from those of this one: a further setting, a further field, another digest.

import MartletQueue

extension ScriptTable {
    /// A version whose plan has the setting `later`, and whose pushes store it in the field `later` of each job.
    static let later = ScriptTable { file in
        let text = String(decoding: file.source, as: UTF8.self)
        let changed: String
        switch file {
        case .runtime:
            changed = replacing(
                "-- needs: schema\n",
                with: """
                    -- needs: schema
                    SETTINGS.later, PLAN.later = { 0, 1000, 0 }, 0
                    PLAN_NAMES[#PLAN_NAMES + 1] = 'later'

                    """, in: text)
        case .enqueue:
            changed = replacing("'p', args[at]", with: "'later', q.later or PLAN.later, 'p', args[at]", in: text)
        default: return file.source
        }
        return Array(changed.utf8)
    }

    private static func replacing(_ old: String, with new: String, in text: String) -> String {
        precondition(text.contains(old), "the scripts have changed: \(old)")
        return text.replacing(old, with: new)
    }
}
