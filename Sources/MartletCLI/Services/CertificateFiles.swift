// The files of the server's certificate and private key: read at the start, when they change, and on SIGHUP.

import FoundationEssentials
import Logging
import MartletChecks
import MartletCommandSupport
import MartletHTTP
import ServiceLifecycle

/// The files named by HTTP_TLS_CERTIFICATE_FILE and HTTP_TLS_KEY_FILE.
struct CertificateFiles: Sendable, Equatable {
    var certificate: String
    var key: String

    var paths: [String] { [certificate, key] }

    /// The states of both files.
    func look() -> [FileLook] { paths.map(FileLook.at) }

    /// Runs `use` with the content of both; throws a failure that names the setting and the error.
    func read<Value>(
        _ looks: [FileLook], _ use: (_ chain: [UInt8], _ key: [UInt8]) throws(CertificateError) -> Value
    ) throws(CommandFailure) -> Value {
        let harm = "pretend to be this server"
        let chain = try looks[0].content(of: "HTTP_TLS_CERTIFICATE_FILE", at: certificate, harm: harm)
        let secret = try looks[1].content(of: "HTTP_TLS_KEY_FILE", at: key, harm: harm)
        do throws(CertificateError) { return try use(Array(chain), Array(secret)) } catch {
            throw CommandFailure(
                .configuration, "HTTP_TLS_CERTIFICATE_FILE=\(certificate), HTTP_TLS_KEY_FILE=\(key): \(error)")
        }
    }
}

/// Reloads the certificate when one of its files changes, and on ``reload()``.
///
/// A pair that cannot be used, or has expired, changes nothing: the previous one stays, and the log has the reason.
struct CertificateService: ReloadingService {
    /// The certificate in use.
    let certificate: ServerCertificate
    private let watch: FileWatch

    /// Reads the files; throws a failure when they are unusable.
    init(_ files: CertificateFiles, logger: Logger) throws(CommandFailure) {
        let first = files.look()
        let certificate = try files.read(first) { chain, key throws(CertificateError) in
            try ServerCertificate(chain: chain, key: key)
        }
        self.certificate = certificate
        if first[1].everybodyReads {
            logger.warning(
                "HTTP_TLS_KEY_FILE is readable by everyone on this machine", metadata: ["file": "\(files.key)"])
        }
        let term = CertificateTerm(certificate.expires)
        if term.result != .good {
            logger.log(
                level: term.result == .bad ? .error : .warning, "certificate \(term.text)",
                metadata: ["file": "\(files.certificate)"])
        }
        watch = FileWatch(files.paths, first: first) { Self.apply($0, files, to: certificate, logger) }
    }

    func reload() { watch.reload() }

    func run() async throws { try await watch.run() }

    private static func apply(
        _ looks: [FileLook], _ files: CertificateFiles, to current: ServerCertificate, _ logger: Logger
    ) {
        do throws(CommandFailure) {
            let expires = try files.read(looks) { chain, key throws(CertificateError) in
                let term = CertificateTerm(try ServerCertificate(chain: chain, key: key).expires)
                guard term.result != .bad else { throw CertificateError("the certificate \(term.text)") }
                try current.replace(chain: chain, key: key)
                return current.expires
            }
            logger.notice(
                "certificate reloaded",
                metadata: ["file": "\(files.certificate)", "certificate": "\(CertificateTerm(expires).text)"])
        } catch {
            logger.error(
                "the new certificate cannot be used, keeping the previous one", metadata: ["error": "\(error.message)"])
        }
    }
}

/// How long a certificate is valid.
struct CertificateTerm: Sendable {
    /// From this many days before its end on it should be renewed.
    static let warningDays = 14
    static let name = "tls certificate"
    private static let day = 86_400

    var result: Checkup.Result
    /// In words that follow "the certificate".
    var text: String

    /// Judges the end of a certificate, in seconds since 1970.
    init(_ expires: Int, now: Int = Int(Date().timeIntervalSince1970)) {
        let days = (expires - now) / Self.day
        if expires <= now {
            result = .bad
            text = "has expired"
        } else {
            result = days < Self.warningDays ? .warning : .good
            text = days == 0 ? "expires today" : "expires in \(HumanReadable.count(days, "day"))"
        }
    }

    /// The finding as `doctor` shows it.
    var checkup: Checkup {
        Checkup(Self.name, result, text, "renew the certificate; the server reads the new files by itself")
    }
}

extension Checkup {
    /// Whether the server could use the files, and for how long.
    static func certificate(_ files: CertificateFiles) -> Checkup {
        do throws(CommandFailure) {
            let certificate = try files.read(files.look()) { chain, key throws(CertificateError) in
                try ServerCertificate(chain: chain, key: key)
            }
            return CertificateTerm(certificate.expires).checkup
        } catch {
            return Checkup(
                CertificateTerm.name, .bad, error.message, "correct the files; a server does not start with them")
        }
    }
}
