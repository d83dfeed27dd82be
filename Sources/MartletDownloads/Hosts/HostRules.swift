// The hosts and ports that a download may name, as far as that needs no DNS lookup.

import MartletJobs

enum HostRules {
    /// The normalised host: a name without trailing dot, or an address without brackets.
    static func checked(_ host: String, allowPrivateAddresses: Bool) throws(DownloadRuleError) -> String {
        if host.hasPrefix("[") {
            return try checkedAddress(String(host.dropFirst().dropLast()), allowPrivateAddresses)
        }
        let name = host.hasSuffix(".") ? String(host.dropLast()) : host
        try checkForm(of: name)
        if IPAddress(name) != nil { return try checkedAddress(name, allowPrivateAddresses) }
        if allowPrivateAddresses {
            // One spelling for each address, so that 127.1 and 0x7f.1 have no share of slots beside 127.0.0.1.
            return endsInNumber(name) ? IPAddress.anyIPv4(name)?.description ?? name : name
        }
        guard !endsInNumber(name) else {
            throw .address("must write an IPv4 address as four decimal numbers from 0 to 255 without leading zeros")
        }
        guard !isLocalName(name) else {
            throw .address("leads to a local or internal host (\(name)); \(hint)")
        }
        return name
    }

    /// Refuses the ports of unrelated services.
    static func check(port: Int) throws(DownloadRuleError) {
        guard !otherServices.contains(port) else {
            throw .address("must not use port \(port), which belongs to another kind of service")
        }
    }

    static let hint =
        "only public addresses are allowed unless DOWNLOAD__ALLOW_PRIVATE_ADDRESSES is true"

    private static func checkedAddress(
        _ text: String, _ allowPrivateAddresses: Bool
    ) throws(DownloadRuleError) -> String {
        guard let address = IPAddress(text) else { throw .url("has an IP address that cannot be read") }
        guard allowPrivateAddresses || address.isPublic else {
            throw .address("leads to \(address), which is private, loopback, link-local or reserved; \(hint)")
        }
        return address.description
    }

    private static func checkForm(of name: String) throws(DownloadRuleError) {
        let labels = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
        let isWellFormed = labels.allSatisfy { (1...63).contains($0.count) && $0.allSatisfy(isNameByte) }
        guard !name.isEmpty, name.utf8.count <= 253, isWellFormed else {
            throw .url("must have a host of letters, digits, hyphens and dots; write other scripts in their xn-- form")
        }
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        Percent.isUnreserved(byte) && byte != UInt8(ascii: "~") && byte != UInt8(ascii: ".")
    }

    /// Whether C libraries would parse the name as an IPv4 address: its last label is a decimal or 0x number.
    private static func endsInNumber(_ name: String) -> Bool {
        guard let last = labels(of: name).last else { return false }
        if last.hasPrefix("0x") { return last.dropFirst(2).utf8.allSatisfy { Hex.digit($0) != nil } }
        return last.utf8.allSatisfy { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    }

    private static func labels(of name: String) -> [Substring] {
        name.utf8.split(separator: UInt8(ascii: ".")).map { Substring($0) }
    }

    private static func isLocalName(_ name: String) -> Bool {
        let labels = labels(of: name)
        guard let first = labels.first, let last = labels.last else { return true }
        if ["localhost", "internal", "local", "localdomain", "lan", "intranet", "corp", "private"].contains(last) {
            return true
        }
        if name == "home.arpa" || name.hasSuffix(".home.arpa") { return true }
        return first == "metadata" || first == "instance-data"
    }

    /// The ports that browsers refuse, and those of databases and control planes with plain-text protocols.
    private static let otherServices: Set<Int> = [
        1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104, 109,
        110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530,
        531, 532, 540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 2375, 2376, 2379,
        2380, 3306, 3659, 4045, 4190, 5060, 5061, 5432, 5672, 6000, 6379, 6380, 6566, 6665, 6666, 6667, 6668, 6669,
        6679, 6697, 9042, 9092, 10080, 10250, 11211, 26379, 27017,
    ]
}
