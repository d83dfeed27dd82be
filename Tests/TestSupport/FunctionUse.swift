// Whether tests call functions as such or as scripts by digest, as on a server without functions.
//
// MARTLET_TEST_SCRIPTS: anything but nothing has the stores of tests call scripts.

import FoundationEssentials
public import MartletRedis

/// Whether the stores of tests call scripts instead of functions.
private let testsUseScripts = ProcessInfo.processInfo.environment["MARTLET_TEST_SCRIPTS"]?.isEmpty == false

/// The command in which a script's calls are counted.
public let callCommand = testsUseScripts ? "evalsha" : "fcall"

/// The command with which a server gets a script that it does not know.
public let loadCommand = testsUseScripts ? "eval" : "function|load"

extension RedisConfiguration {
    /// The configuration of a store that tests use.
    public static func ofTests(url: String) throws -> RedisConfiguration {
        var configuration = try RedisConfiguration(url: url)
        configuration.callsFunctions = !testsUseScripts
        return configuration
    }
}

extension RedisFunction {
    /// The word by which a call of it is known on the wire.
    public var mark: String { testsUseScripts ? script.sha1 : name }
}
