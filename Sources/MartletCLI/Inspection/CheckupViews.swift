// The display of checks in commands and in `/readyz`.

import MartletChecks
import MartletCommandSupport
import MartletHTTP
import MartletJSON

extension Checkup {
    var json: JSONValue {
        .object([
            "check": .string(name), "result": .string(result.rawValue), "value": .string(value),
            "advice": .string(advice),
        ])
    }

    /// The check for the public `/readyz`: without queue names or values.
    var finding: ReadinessFinding {
        let isQueue = name.hasPrefix(QueueCheckup.namePrefix)
        return ReadinessFinding(
            name: isQueue ? "queue" : name, result: result.rawValue,
            advice: isQueue && result != .good ? "run martlet doctor" : advice)
    }
}

extension RedisSettings {
    /// The keys to check; throws a failure that names the setting when the URL is invalid.
    var checked: CheckedStore {
        get throws {
            CheckedStore(redis: try StoreSession.configuration(self), prefix: prefix, environment: environment)
        }
    }
}
