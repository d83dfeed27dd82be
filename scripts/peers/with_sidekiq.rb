# Sidekiq, the open-source edition: a job is popped before it runs, and nothing is acknowledged.
require "json"
require "sidekiq"

VERB = ENV.fetch("PEER_VERB")
OPTIONS = JSON.parse(ENV.fetch("PEER_OPTIONS"))
PRIORITIES = OPTIONS["priorities"].to_i
DUE = OPTIONS["due_at_ms"] ? OPTIONS["due_at_ms"].to_f / 1000 : nil
PADDING = "x" * [(OPTIONS["payload_bytes"] || 200).to_i - 34, 0].max
TASKS = (OPTIONS["tasks"] || (OPTIONS["mode"] == "concurrent" ? 256 : 1)).to_i
BATCH = (OPTIONS["batch"] || 100).to_i

redis = { url: ENV.fetch("BENCH_REDIS", "redis://127.0.0.1:6379") }
Sidekiq.configure_server { |config| config.redis = redis }
Sidekiq.configure_client do |config|
  config.redis = redis.merge(size: OPTIONS["mode"] == "concurrent" ? [TASKS, 64].min : 5, pool_timeout: 60)
end
Sidekiq.logger.level = Logger::ERROR

# The handler does nothing but write its record.
class BenchJob
  include Sidekiq::Worker
  sidekiq_options queue: "bench", retry: true

  RECORDS = ENV["BENCH_RECORDS"] && File.open(ENV["BENCH_RECORDS"], File::WRONLY | File::APPEND | File::CREAT)

  def perform(payload)
    RECORDS.syswrite([Time.now.to_f, payload["t"]].pack("EE"))
  end
end

def payload
  { "t" => DUE || Time.now.to_f, "pad" => PADDING }
end

def queue(index)
  PRIORITIES > 1 ? "bench#{index % PRIORITIES}" : "bench"
end

def one(index)
  if DUE
    BenchJob.perform_at(DUE, payload)
  elsif PRIORITIES > 1
    BenchJob.set(queue: queue(index)).perform_async(payload)
  else
    BenchJob.perform_async(payload)
  end
end

def many(batch)
  batch.group_by { |index| queue(index) }.each do |name, jobs|
    items = { "class" => BenchJob, "queue" => name, "args" => jobs.map { [payload] } }
    items["at"] = DUE if DUE
    Sidekiq::Client.push_bulk(items)
  end
end

def now
  Process.clock_gettime(Process::CLOCK_MONOTONIC)
end

def cpu_seconds
  Process.clock_gettime(Process::CLOCK_PROCESS_CPUTIME_ID)
end

# Below 1000 a second one by one at uneven times, above that what is due each millisecond in one call.
def paced(jobs)
  rate, started, pushed = (OPTIONS["rate"] || 20).to_f, now, 0
  while pushed < jobs
    sleep(rate < 1000 ? rand(0.5..1.5) / rate : 0.001)
    count = rate < 1000 ? 1 : [jobs, ((now - started) * rate).to_i].min - pushed
    count == 1 ? one(pushed) : many((pushed...pushed + count))
    pushed += count
  end
end

# Calls the block in as many threads as there are tasks, with the number of each.
def at_once
  Array.new(TASKS) { |task| Thread.new { yield task } }.each(&:join)
end

def push
  jobs = OPTIONS.fetch("jobs")
  case OPTIONS["mode"]
  when "bulk"
    at_once do |task|
      (task * BATCH).step(jobs - 1, TASKS * BATCH) { |first| many(first...[first + BATCH, jobs].min) }
    end
  when "paced" then paced(jobs)
  when "concurrent" then at_once { |task| task.step(jobs - 1, TASKS) { |index| one(index) } }
  else jobs.times { |index| one(index) }
  end
  jobs
end

# The process `sidekiq` loads this file too, to know the job.
if $PROGRAM_NAME == __FILE__
  if OPTIONS["keep"]
    warn("Sidekiq keeps no finished jobs")
    exit(64)
  end
  if VERB == "work"
    # Queues without weights are served strictly one before the other.
    queues = PRIORITIES > 1 ? PRIORITIES.times.map { |rank| "bench#{rank}" }.reverse : ["bench"]
    exec("sidekiq", "-r", __FILE__, "-c", (OPTIONS["concurrency"] || 10).to_s, *queues.flat_map { |name| ["-q", name] })
  end
  started, cpu = now, cpu_seconds
  jobs = push
  puts JSON.generate(jobs: jobs, seconds: now - started, cpu_seconds: cpu_seconds - cpu)
end
