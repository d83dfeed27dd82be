-- How scripts/check reads the Lua of Redis: version 5.1, and the names that Swift writes in front of it (see Schema.swift).
std = "lua51"
max_line_length = 132
-- The library's last lines, written by Swift, register what is in this table.
ignore = { "241/functions" }
read_globals = {
    "LEAST_PRIORITY", "MOST_PRIORITY", "MOST_RETRIES", "DEFAULT_RETRIES", "MAX_LOST", "MAX_LOST_APART", "MAX_WAIT",
    "MOST_COUNT", "MOST_EXACT", "MAX_CLAIMS", "VERSION", "SCHEMA", "JOB_KEY", "WAITERS_KEY", "KEYS_OF_A_QUEUE", "INDEXES", "FINAL", "IS_INDEX",
    "IS_FINAL", "MORE_FIELDS", "SETTINGS", "PLAN", "PLAN_NAMES", "POISON_PRINT", "MOST_GROUPS", "ERRORS_MS",
    "FINE_MS", "COARSE_MS", "HISTORY_RINGS", "TIME_RINGS", "MOST_LIMITS", "MOST_LIMIT_VALUE",
}
