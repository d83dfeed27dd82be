// Programs that we start have the descriptors that they are meant to have, and none of ours.

import FoundationEssentials
import MartletProcess
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

#if os(Linux)
    @Suite struct ChildProgramTests {
        /// Starts a shell that says which descriptors it has.
        private func seen(with others: [Int32: ChildProgram.Source] = [:]) throws -> [String] {
            let output = temporaryDirectory("child") + "/out"
            let named: [Int32: ChildProgram.Source] = [0: .nothing, 1: .file(output), 2: .file("/dev/null")]
            let program = ChildProgram(
                "/bin/sh", ["-c", "ls /proc/$$/fd; true"], environment: ["PATH": "/usr/bin:/bin"],
                descriptors: named.merging(others) { _, other in other })
            let child = try program.start()
            var status: Int32 = -1
            #expect(waitpid(child, &status, 0) == child)
            #expect(status == 0)
            return try String(contentsOfFile: output, encoding: .utf8).split(separator: "\n").map(String.init)
        }

        /// Lets this process open so many files, if it may.
        private func allowFiles(_ count: rlim_t) -> rlim_t {
            var limit = rlimit()
            getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            limit.rlim_cur = max(limit.rlim_cur, min(limit.rlim_max, count))
            setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
            return limit.rlim_cur
        }

        /// A busy server has thousands of connections, and none of them is a child's business.
        @Test func `a child process has only the descriptors that it was given`() throws {
            let near = open("/dev/null", O_RDONLY)
            let far = fcntl(near, F_DUPFD, Int32(allowFiles(8192)) - 500)
            defer { for descriptor in [near, far] { close(descriptor) } }
            #expect(far > 2048, "this machine allows too few files for this test")
            #expect(try seen() == ["0", "1", "2"])
            #expect(try seen(with: [3: .descriptor(near)]) == ["0", "1", "2", "3"])
            #expect(try seen(with: [5: .descriptor(far)]) == ["0", "1", "2", "5"])
        }
    }
#endif
