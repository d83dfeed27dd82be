// The minimum that scripts over one hash per job and sorted sets can do: no checks, no counters, no settings.

import FoundationEssentials

/// Minimal scripts, and the commands that call them.
enum BoundScripts {
    /// Arguments: id and payload of each job.
    static let enqueue = """
        local waiting = {}
        for i = 1, #ARGV, 2 do
            redis.call('HSET', 'b:j:' .. ARGV[i], 'd', ARGV[i + 1], 'st', 'w', 'at', '1700000000000')
            waiting[i], waiting[i + 1] = ARGV[i], ARGV[i]
        end
        redis.call('ZADD', 'b:w', unpack(waiting))
        return #ARGV / 2
        """

    /// Arguments: how many, and the end of the lease; answers id and payload of each job.
    static let claim = """
        local ids = redis.call('ZPOPMIN', 'b:w', ARGV[1])
        local answer, active = {}, {}
        for i = 1, #ids, 2 do
            local key = 'b:j:' .. ids[i]
            local fields = redis.call('HMGET', key, 'd', 'at')
            redis.call('HSET', key, 'st', 'a', 'l', ARGV[2])
            answer[i], answer[i + 1] = ids[i], fields[1]
            active[i], active[i + 1] = ARGV[2], ids[i]
        end
        if #ids > 0 then redis.call('ZADD', 'b:a', unpack(active)) end
        return answer
        """

    /// Arguments: the ids of finished jobs, which are deleted.
    static let finish = """
        local done = redis.call('ZREM', 'b:a', unpack(ARGV))
        local keys = {}
        for i = 1, #ARGV do keys[i] = 'b:j:' .. ARGV[i] end
        redis.call('UNLINK', unpack(keys))
        return done
        """

    /// Arguments: the ids of finished jobs, which are kept.
    static let keep = """
        local done = redis.call('ZREM', 'b:a', unpack(ARGV))
        local completed = {}
        for i = 1, #ARGV do
            redis.call('HSET', 'b:j:' .. ARGV[i], 'st', 'c', 'f', '1700000000000')
            completed[i * 2 - 1], completed[i * 2] = '1700000000000', ARGV[i]
        end
        redis.call('ZADD', 'b:c', unpack(completed))
        return done
        """

    /// The calls that take `jobs` jobs through a script, `batch` at a time, as bytes for a pipeline.
    struct Calls {
        let ids: [[UInt8]]
        let batch: Int
        private static let payload = BenchJob.sample(padding: 200 - BenchJob.overhead)

        init(jobs: Int, batch: Int) {
            ids = (0..<jobs).map { Array(String(10_000_000 + $0).utf8) }
            self.batch = batch
        }

        func enqueue(_ sha: [UInt8]) -> [UInt8] { each(sha) { $0.flatMap { [$0, Self.payload] } } }

        func claim(_ sha: [UInt8]) -> [UInt8] {
            each(sha) { [Array(String($0.count).utf8), Array("1700000030000".utf8)] }
        }

        func finish(_ sha: [UInt8]) -> [UInt8] { each(sha) { Array($0) } }

        private func each(_ sha: [UInt8], _ arguments: (ArraySlice<[UInt8]>) -> [[UInt8]]) -> [UInt8] {
            var bytes: [UInt8] = []
            for start in stride(from: 0, to: ids.count, by: batch) {
                let words = arguments(ids[start..<min(start + batch, ids.count)])
                RawRedis.append([Array("EVALSHA".utf8), sha, Array("0".utf8)] + words, to: &bytes)
            }
            return bytes
        }
    }
}
