// The result of a check as commands print it and as `/readyz` shows it.

import MartletChecks
import MartletCommandSupport
import MartletHTTP
import MartletJSON

extension Checkup {
    var json: JSON {
        .object([
            "check": .string(name), "result": .string(result.rawValue), "value": .string(value),
            "advice": .string(advice),
        ])
    }

    /// The check for everybody who may ask whether the server is ready: no names of queues, no values.
    var finding: ReadinessFinding {
        let isQueue = name.hasPrefix(QueueCheckup.namePrefix)
        return ReadinessFinding(
            name: isQueue ? "queue" : name, result: result.rawValue,
            advice: isQueue && result != .good ? "run martlet doctor" : advice)
    }
}

extension RedisSettings {
    /// The keys that the checks are about; throws a failure that names the setting when the URL is none.
    var checked: CheckedStore {
        get throws {
            CheckedStore(redis: try StoreSession.configuration(self), prefix: prefix, environment: environment)
        }
    }
}
