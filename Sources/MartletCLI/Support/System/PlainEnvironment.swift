// The environment for another `martlet` that must not inherit this one's settings.

import FoundationEssentials
import MartletCommandSupport

extension Subprocess {
    /// The environment of this process without the variables that configure Martlet.
    static var plainEnvironment: [String: String] {
        let ours = Set(Settings.all.flatMap { $0.environment + $0.environmentOfFile })
        return ProcessInfo.processInfo.environment.filter { name, _ in
            !ours.contains(name) && !name.hasPrefix("DOWNLOAD__") && !name.hasPrefix("MARTLET_")
        }
    }
}
