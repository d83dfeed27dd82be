// Whether tests call functions as such or as scripts by digest, as on a server without functions.
//
// MARTLET_TEST_SCRIPTS: any value except the empty one makes the stores of tests call scripts.

import FoundationEssentials
public import MartletRedis

/// Whether the stores of tests call scripts instead of functions.
private let testsUseScripts = ProcessInfo.processInfo.environment["MARTLET_TEST_SCRIPTS"]?.isEmpty == false

/// The command that script calls are counted under.
public let callCommand = testsUseScripts ? "evalsha" : "fcall"

/// The command that loads an unknown script.
public let loadCommand = testsUseScripts ? "eval" : "function|load"

extension RedisConfiguration {
    /// The configuration of a store that tests use.
    ///
    /// - Parameters:
    ///   - url: the URL of its Redis.
    ///   - isPatient: whether a reply may take long, because programs beside the test keep the machine busy.
    /// - Returns: the configuration.
    /// - Throws: an error that says what is wrong with the URL.
    public static func ofTests(url: String, isPatient: Bool = false) throws -> RedisConfiguration {
        var configuration = try RedisConfiguration(url: url)
        if isPatient { (configuration.commandTimeout, configuration.connectTimeout) = (.seconds(30), .seconds(30)) }
        configuration.callsFunctions = !testsUseScripts
        return configuration
    }
}

extension RedisFunction {
    /// The text that identifies a call of it on the wire.
    public var mark: String { testsUseScripts ? script.sha1 : name }
}
